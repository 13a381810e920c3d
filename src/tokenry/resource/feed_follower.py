"""Following one issuer's feed, for as long as the service lives (G-1).

Cold: snapshot. Then the event stream after the view's head; a hole is filled by range, and by
snapshot when the issuer keeps the records no longer. Whatever goes wrong ends the connection,
and the next attempt follows after a jittered pause; meanwhile the view ages, and tiers apply.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tokenry.feed.outcomes import (
    ChainMismatch,
    FrameOutcome,
    Gap,
    SnapshotNeeded,
    UnknownEpoch,
    ViewFull,
    ViewState,
)
from tokenry.feed.refusals import ExceedsCapacity, FeedRefused
from tokenry.feed.staleness import ClockReading
from tokenry.jose import KeySetRefused
from tokenry.resource.events import Alarm, AlarmKind, EventHook, FeedLost
from tokenry.resource.http_client import BodyTooLarge, FetchFailed
from tokenry.resource.issuer_client import Gone, IssuerClient
from tokenry.resource.knowledge import Knowledge
from tokenry.resource.metadata import MetadataRefused
from tokenry.resource.server_sent_events import EventParser, ServerSentEvent, StreamRefused
from tokenry.resource.signed_feed import SignatureRefused, SignedFeed
from tokenry.resource.surroundings import Surroundings
from tokenry.vocabulary.sequence import SequenceNumber, epoch_of

SHORTEST_PAUSE: Final = 0.05
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 10.0
PAUSE_WHEN_FULL: Final = 30.0
"""Seconds between snapshots that did not fit: loading one is work."""
SILENCE: Final = 10.0
"""Seconds of a stream without verified news after which a connection is given up."""
LASTING: Final = 10.0
"""Seconds after which a connection counts as having been good: the next pause is short again."""
NUDGE_PAUSE: Final = 0.05
"""Seconds the feed gets to deliver by itself what a token has shown to exist."""
NUDGE_INTERVAL: Final = 1.0
_MAX_RANGES: Final = 1000


class _Interrupted(Exception):
    """This connection cannot go on; its message says why."""


class FeedFollower:
    """One background task per issuer. `on_removed_keys` is called when `key` records came."""

    def __init__(
        self,
        client: IssuerClient,
        signed: SignedFeed,
        knowledge: Knowledge,
        surroundings: Surroundings,
        *,
        tell: EventHook,
        on_removed_keys: Callable[[], None],
    ) -> None:
        self._client = client
        self._signed = signed
        self._knowledge = knowledge
        self._surroundings = surroundings
        self._tell = tell
        self._on_removed_keys = on_removed_keys
        self._known_removed = 0
        self._failures = 0
        self._heard_at = surroundings.clock.boottime()
        self._connection: asyncio.Task[None] | None = None
        # While snapshot or ranges are fetched, the stream is not read: its silence means nothing.
        # Those requests have time limits of their own.
        self._fetching = False
        self._wanted = SequenceNumber(0)
        self._nudged = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._watch())
            tasks.create_task(self._answer_nudges())

    def nudge(self, number: SequenceNumber) -> None:
        """Take a hint that records up to `number` exist. In the follower's loop only."""
        if number > self._wanted:
            self._wanted = number
            self._nudged.set()

    async def _stay_connected(self) -> None:
        while True:
            started = self._surroundings.clock.boottime()
            because = await self._connected()
            if self._surroundings.clock.boottime() - started >= LASTING:
                self._failures = 0
            pause = self._pause()
            self._tell(FeedLost(because, pause))
            await self._surroundings.sleep(pause)

    async def _connected(self) -> str:
        """Stay connected until something ends it; return what."""
        self._heard_at = self._surroundings.clock.boottime()
        connection = self._connection = asyncio.create_task(self._connect())
        try:
            await asyncio.wait({connection})
            if connection.cancelled():
                return f"no news for {SILENCE:g} seconds"
            connection.result()
        except SignatureRefused as refused:
            self._tell(Alarm(AlarmKind.SIGNATURE, str(refused)))
            return str(refused)
        except (
            FetchFailed,
            FeedRefused,
            KeySetRefused,
            MetadataRefused,
            StreamRefused,
            _Interrupted,
        ) as fault:
            return f"{type(fault).__name__.lstrip('_')}: {fault}"
        finally:
            self._connection = None
            if not connection.done():
                connection.cancel()
                await asyncio.wait({connection})
        return "the stream has ended"

    def _pause(self) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << self._failures))
        self._failures = min(self._failures + 1, 16)
        # Anywhere between nothing and the longest, so that verifiers do not come back as one.
        share = int.from_bytes(self._surroundings.entropy(4), "big") / 2**32
        pause = max(SHORTEST_PAUSE, longest * share)
        full = self._knowledge.view.state is ViewState.FULL
        return PAUSE_WHEN_FULL + pause if full else pause

    async def _connect(self) -> None:
        if self._failures:
            self._client.forget_metadata()
        if self._knowledge.view.state is not ViewState.SYNCHRONIZED:
            await self._load_snapshot()
        parser = EventParser()
        async with self._client.feed(self._knowledge.head) as chunks:
            async for chunk in chunks:
                at = self._knowledge.reading()
                for event in parser.feed(chunk):
                    await self._take(event, at)

    async def _take(self, event: ServerSentEvent, at: ClockReading) -> None:
        """Act on one event. Types that are not known are for later releases."""
        match event.type:
            case "frame":
                frame = await self._signed.frame(event.data)
                await self._act_on(self._knowledge.take_frame(frame, at))
            case "heartbeat":
                heartbeat = await self._signed.heartbeat(event.data)
                await self._act_on(self._knowledge.take_heartbeat(heartbeat, at))
            case "profile":
                self._knowledge.take_profile(await self._signed.profile(event.data))
            case "gap":
                await self._load_snapshot()
            case _:
                return
        self._heard_at = self._surroundings.clock.boottime()

    async def _act_on(self, outcome: FrameOutcome) -> None:
        """Do what the view asks for after a frame or heartbeat."""
        self._notice_removed_keys()
        match outcome:
            case Gap():
                with self._not_listening():
                    filled = await self._fill_gap()
                if not filled:
                    await self._load_snapshot()
            case SnapshotNeeded():
                await self._load_snapshot()
            case UnknownEpoch(epoch):
                await self._load_snapshot()
                if epoch_of(self._knowledge.head) < epoch:
                    raise _Interrupted(f"the snapshot is not yet of epoch {epoch}")
            case ChainMismatch(at):
                raise _Interrupted(f"another history at number {at}")
            case ViewFull(capacity):
                raise _Interrupted(f"more than {capacity} live revocations")
        profile = self._knowledge.profile
        if profile is not None and self._knowledge.view.profiles > profile.profile:
            # A newer profile is in force than came by the stream: a range brings it along.
            self._nudged.set()

    async def _fill_gap(self) -> bool:
        """Apply what is after the head; False: only a snapshot can help.

        Fetched and verified first, then applied without a pause. So news may go on coming by the
        stream meanwhile, and neither waits for the other.
        """
        for _ in range(_MAX_RANGES):
            answer = await self._client.range(self._knowledge.head)
            at = self._knowledge.reading()
            if isinstance(answer, Gone):
                return False
            caught = await self._signed.range(answer)
            self._knowledge.take_profile(caught.profile)
            before = self._knowledge.head
            for frame in caught.frames:
                outcome = self._knowledge.take_frame(frame, at)
                self._notice_removed_keys()
                if isinstance(outcome, Gap | SnapshotNeeded | UnknownEpoch):
                    return False
                if isinstance(outcome, ChainMismatch | ViewFull):
                    raise _Interrupted(f"the range does not fit: {outcome!r}")
            if not caught.more or self._knowledge.head == before:
                return True
        raise _Interrupted(f"no end after {_MAX_RANGES} ranges")

    async def _load_snapshot(self) -> None:
        capacity = self._knowledge.view.capacity
        try:
            with self._not_listening():
                body = await self._client.snapshot()
                at = self._knowledge.reading()
                profile, snapshot = await self._signed.snapshot(
                    body, capacity=capacity, predecessor=self._knowledge.view.predecessor
                )
        except (BodyTooLarge, ExceedsCapacity) as full:
            self._knowledge.overflow()
            raise _Interrupted(f"the view is full: {full}") from None
        self._knowledge.take_profile(profile)
        outcome = self._knowledge.install(snapshot, at)
        self._notice_removed_keys()
        if self._knowledge.view.state is not ViewState.SYNCHRONIZED:
            raise _Interrupted(f"the snapshot cannot be used: {outcome!r}")

    @contextmanager
    def _not_listening(self) -> Iterator[None]:
        """Mark that the connection does something else than to read its stream; not for nudges."""
        self._fetching = True
        try:
            yield
        finally:
            self._fetching = False
            self._heard_at = self._surroundings.clock.boottime()

    def _notice_removed_keys(self) -> None:
        removed = len(self._knowledge.view.removed_keys)
        if removed != self._known_removed:
            self._known_removed = removed
            self._on_removed_keys()

    async def _watch(self) -> None:
        """Each second: notice that the tier fell, and give up a connection that says nothing."""
        silent_since: float | None = None
        while True:
            await self._surroundings.sleep(1.0)
            self._knowledge.notice_tier()
            silent = self._surroundings.clock.boottime() - self._heard_at > SILENCE
            if self._fetching or not silent:
                continue
            # Only when nothing came between two looks, since after a pause of the whole machine
            # there may be news waiting.
            if silent_since == self._heard_at and self._connection is not None:
                self._connection.cancel()
            silent_since = self._heard_at

    async def _answer_nudges(self) -> None:
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            await self._surroundings.sleep(NUDGE_PAUSE)
            try:
                if self._lacks_news():
                    # Not by snapshot: the stream meets the same hole, and loads one then.
                    await self._fill_gap()
            except (FetchFailed, FeedRefused, MetadataRefused, _Interrupted):
                # The connection meets the same fault and tells of it; nudges only save time.
                pass
            await self._surroundings.sleep(NUDGE_INTERVAL)

    def _lacks_news(self) -> bool:
        if self._knowledge.view.state is not ViewState.SYNCHRONIZED:
            return False
        profile = self._knowledge.profile
        return self._knowledge.head < self._wanted or (
            profile is not None and self._knowledge.view.profiles > profile.profile
        )
