"""All subscribers of one issuer's feed on this node: bounded, and the slow ones let go (G-8)."""

from collections import Counter
from collections.abc import Callable, Iterable

from tokenry.authority.feed_subscription import Subscription
from tokenry.ports.events import Counted, Events, Level
from tokenry.vocabulary.errors import Overloaded
from tokenry.vocabulary.identifiers import ResourceServerName


class FeedSubscribers:
    """Who gets what is published."""

    def __init__(self, *, events: Events, most: int, most_each: int) -> None:
        """Take at most `most`, and of one resource server `most_each`."""
        self._events = events
        self._most = most
        self._most_each = most_each
        self._subscriptions: set[Subscription] = set()
        self._of_each: Counter[ResourceServerName] = Counter()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def require_room(self, resource_server: ResourceServerName) -> None:
        """Raise Overloaded when no more subscribers are taken, or none of this one."""
        if len(self._subscriptions) >= self._most:
            raise Overloaded("the list of feed subscribers", retry_after=5)
        if self._of_each[resource_server] >= self._most_each:
            raise Overloaded(f"the list of feed subscribers of {resource_server}", retry_after=5)

    def join(
        self, resource_server: ResourceServerName, *, secret: bytes | None = None
    ) -> Subscription:
        """Take one more: it gets everything that is offered from here on. Raises Overloaded."""
        self.require_room(resource_server)
        subscription = Subscription(resource_server, secret=secret, leave=self._leave)
        self._subscriptions.add(subscription)
        self._of_each[resource_server] += 1
        self._tell()
        return subscription

    def resource_servers(self) -> set[ResourceServerName]:
        """Return the names of those whose verifiers subscribe."""
        return set(self._of_each)

    def offer(self, block: bytes) -> None:
        """Give everyone a block; drop who has too many waiting, without delay for the others."""
        slow = [
            subscription for subscription in self._subscriptions if not subscription.offer(block)
        ]
        self._drop(slow)

    def offer_to(self, resource_server: ResourceServerName, block: bytes) -> None:
        """Give one resource server's subscribers a block."""
        self._drop(
            [
                subscription
                for subscription in self._subscriptions
                if subscription.resource_server == resource_server and not subscription.offer(block)
            ]
        )

    def end_unless(self, admitted: Callable[[ResourceServerName, bytes | None], bool]) -> None:
        """End the streams of resource servers, or secrets of theirs, that were removed."""
        for subscription in [*self._subscriptions]:
            if not admitted(subscription.resource_server, subscription.secret):
                subscription.end()

    def end_all(self) -> None:
        """End every stream once what waits has been sent."""
        for subscription in [*self._subscriptions]:
            subscription.end()

    def _drop(self, slow: Iterable[Subscription]) -> None:
        for subscription in slow:
            self._events.count(Counted.SUBSCRIBER_DROPPED)
            subscription.drop()

    def _leave(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        self._of_each[subscription.resource_server] -= 1
        if not self._of_each[subscription.resource_server]:
            del self._of_each[subscription.resource_server]
        self._tell()

    def _tell(self) -> None:
        self._events.level(Level.FEED_SUBSCRIBERS, len(self._subscriptions))
