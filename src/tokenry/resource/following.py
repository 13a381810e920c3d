"""All that runs in the background for one verifier, in one process and one event loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from tokenry.feed.snapshot import largest_body
from tokenry.jose import Algorithm, KeySet
from tokenry.resource.events import Alarm, AlarmKind, EventHook
from tokenry.resource.feed_follower import FeedFollower
from tokenry.resource.http_client import Credentials, Fetcher
from tokenry.resource.introspection import Introspection
from tokenry.resource.issuer_client import IssuerClient, PublishedKeys
from tokenry.resource.key_cache import KeyCache
from tokenry.resource.knowledge import Knowledge
from tokenry.resource.position_reports import PositionReports
from tokenry.resource.refusal import Reason, Refusal
from tokenry.resource.signed_feed import SignedFeed
from tokenry.resource.surroundings import Surroundings
from tokenry.vocabulary.identifiers import Audience, IssuerUrl
from tokenry.vocabulary.sequence import SequenceNumber

_LOGGER: Final = logging.getLogger("tokenry.resource")
_JITTER: Final = 0.1
"""Keys are refetched up to this share of their time early, so that verifiers do not come as one."""
_PATIENCE: Final = 30.0
"""Seconds another loop waits for the one that follows, whose own requests give up before."""
_T = TypeVar("_T")


class Following:
    """Keys, feed, reports and introspection of one issuer; made inside a running event loop.

    `knowledge` is filled from the moment `start` is called. It closes `fetcher` only if told to.
    """

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        audience: Audience,
        credentials: Credentials,
        knowledge: Knowledge,
        fetcher: Fetcher,
        close_fetcher: bool,
        surroundings: Surroundings,
        tell: EventHook,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.knowledge = knowledge
        self._fetcher = fetcher
        self._close_fetcher = close_fetcher
        self._surroundings = surroundings
        self._tell = tell
        client = self._client = IssuerClient(
            fetcher,
            issuer=issuer,
            credentials=credentials,
            max_snapshot_bytes=largest_body(knowledge.view.capacity),
            sleep=surroundings.sleep,
        )
        clock = surroundings.clock
        self.token_keys = KeyCache(
            client.token_keys, issuer=issuer, clock=clock, on_change=knowledge.take_keys
        )
        self._feed_keys = KeyCache(_es256_only(client.feed_keys), issuer=issuer, clock=clock)
        self.introspection = Introspection(client.introspect, clock=clock)
        self._follower = FeedFollower(
            client,
            SignedFeed(self._feed_keys, issuer=issuer, audience=audience),
            knowledge,
            surroundings,
            tell=tell,
            on_removed_keys=self._drop_removed_keys,
        )
        self._reports = PositionReports(client, knowledge, self.token_keys, surroundings)
        self._emergency = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._nudged_up_to = SequenceNumber(0)

    @property
    def is_alive(self) -> bool:
        """Whether the feed is being followed, in a loop that runs."""
        return self._task is not None and not self._task.done() and self.loop.is_running()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="tokenry: follow the feed")
        self._task.add_done_callback(_look_at)

    def nudge(self, number: SequenceNumber) -> None:
        """Take a hint, from any thread, that records up to `number` exist."""
        if number > self._nudged_up_to:
            self._nudged_up_to = number
            with suppress(RuntimeError):  # the loop has been closed: there is nobody to hear it
                self.loop.call_soon_threadsafe(self._follower.nudge, number)

    async def in_its_loop(
        self, work: Coroutine[Any, Any, _T], *, patience: float = _PATIENCE
    ) -> _T:
        """Do `work` in the loop that follows, from whatever loop this is called in.

        Raises Refusal, besides what `work` raises, if that loop ends meanwhile, or is not done
        within `patience` seconds.
        """
        if self.loop is asyncio.get_running_loop():
            return await work
        try:
            there = asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:
            work.close()
            raise Refusal(Reason.UNSYNCHRONIZED, "the loop that followed is closed") from None
        here = asyncio.wrap_future(there)
        await self._surroundings.within(patience, here)
        if here.done() and not here.cancelled():
            return here.result()
        raise Refusal(Reason.UNSYNCHRONIZED, "the loop that follows ended, or did not answer")

    async def synchronized(self, *, patience: float) -> None:
        """Wait until the view is fresh, at most `patience` seconds."""
        waiting = self._surroundings.within(patience, self.knowledge.usable())
        with suppress(Refusal):
            await self.in_its_loop(waiting, patience=patience)

    async def close(self) -> None:
        """Stop, and wait until everything has stopped; what a loop left behind cannot."""
        if not self.loop.is_running():
            self.abandon()
        elif self._task is not None:
            with suppress(Refusal):
                await self.in_its_loop(_cancelled(self._task))

    def abandon(self) -> None:
        """Stop as soon as the loop runs again, if it ever does."""
        if self._task is not None:
            with suppress(RuntimeError):  # it never will
                self.loop.call_soon_threadsafe(self._task.cancel)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follower.run())
                tasks.create_task(self._reports.run())
                tasks.create_task(self._keep(self.token_keys, self._emergency))
                tasks.create_task(self._keep(self._feed_keys, asyncio.Event()))
        except Exception as fault:
            # A fault of ours, not of the network's. News stops here, so the view ages and the
            # tiers apply; the next request that is refused for it starts everything anew.
            _LOGGER.exception("following the feed failed")
            self._tell(Alarm(AlarmKind.FAULT, repr(fault)))
            raise
        finally:
            for shared in (self.introspection, self.token_keys, self._feed_keys, self._client):
                await shared.close()
            if self._close_fetcher:
                await self._fetcher.close()

    async def _keep(self, keys: KeyCache, at_once: asyncio.Event) -> None:
        while True:
            at_once.clear()
            await keys.refresh()
            early = 1 - _JITTER * self._surroundings.entropy(1)[0] / 256
            await self._surroundings.within(keys.seconds_until_due * early, at_once.wait())

    def _drop_removed_keys(self) -> None:
        for removed in self.knowledge.removed_keys():
            self.token_keys.drop(removed)
            self._feed_keys.drop(removed)
        self._emergency.set()


def _es256_only(
    fetch: Callable[[], Awaitable[PublishedKeys]],
) -> Callable[[], Awaitable[PublishedKeys]]:
    """Leave out keys of any other algorithm: the feed is signed by ES256 alone."""

    async def fetch_and_choose() -> PublishedKeys:
        published = await fetch()
        es256 = KeySet.of(
            key
            for key in KeySet.from_jwks(published.document).keys
            if key.algorithm is Algorithm.ES256
        )
        return msgspec.structs.replace(published, document=msgspec.json.encode(es256.to_jwks()))

    return fetch_and_choose


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _look_at(task: asyncio.Task[None]) -> None:
    # Its failure was logged and told when it happened.
    if not task.cancelled():
        task.exception()
