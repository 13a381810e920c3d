"""GET /feed: server-sent events, ready-made by the publisher (G-1, R-31)."""

import asyncio
from typing import Final

from starlette.types import Receive, Scope, Send

from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.authority.feed_publisher import FeedPublisher
from tokenry.authority.feed_subscription import Subscription
from tokenry.ports.events import Events, Noted
from tokenry.vocabulary.errors import InfrastructureFailure
from tokenry.vocabulary.identifiers import Entropy
from tokenry.vocabulary.sequence import SequenceNumber
from tokenry.web.body import Header
from tokenry.web.bounded_http import ABORT
from tokenry.web.feed_callers import FeedCaller, FeedCallers, number_of

_EVENT_STREAM: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # Some proxies gather a response before they pass it on unless told not to.
    (b"x-accel-buffering", b"no"),
)


class FeedStreamEndpoint:
    """Bare ASGI: server-sent events until the caller leaves, lags too far, or the node stops."""

    def __init__(
        self,
        *,
        publisher: FeedPublisher,
        authentication: ResourceServerAuthentication,
        entropy: Entropy,
        events: Events,
    ) -> None:
        self._publisher = publisher
        self._callers = FeedCallers(authentication=authentication, entropy=entropy)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream to one subscriber. Raises what went wrong, before it has answered."""
        caller = await self._callers.identify(scope)
        subscription = await self._publisher.subscribe(
            caller.server.name, after=_resume_after(caller), secret=caller.secret
        )
        # One that reads nothing would otherwise hold its connection after it was dropped.
        subscription.when_dropped = scope.get("state", {}).get(ABORT)
        # Without it nobody would notice that the caller has left before there is something to say.
        watch = asyncio.ensure_future(_end_when_left(receive, subscription))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _EVENT_STREAM})
            await self._pump(subscription, send)
        finally:
            watch.cancel()
            subscription.end()
        await send({"type": "http.response.body", "body": b""})

    async def _pump(self, subscription: Subscription, send: Send) -> None:
        try:
            while (blocks := await subscription.next()) is not None:
                await send({"type": "http.response.body", "body": blocks, "more_body": True})
        except InfrastructureFailure as failure:
            # The answer has begun, so all that can be said is that it ends here: it is resumed.
            self._events.note(Noted.WARNING, "a feed stream ends early", error=failure)


async def _end_when_left(receive: Receive, subscription: Subscription) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.end()


def _resume_after(caller: FeedCaller) -> SequenceNumber | None:
    """Return where a stream resumes: a reconnecting client's Last-Event-ID is the later word."""
    last = caller.fields.get(b"last-event-id")
    query = {"Last-Event-ID": last.decode("latin-1")} if last else {}
    after = number_of(query, "Last-Event-ID")
    if after is None:
        after = number_of(caller.query, "after")
    return None if after is None else SequenceNumber(after)
