"""Carrying each revocation to every subscriber of this node, at once (R-31, G-1).

Woken by the bus, and by the tick each second: reads the records after its last in one snapshot,
signs a frame, and puts one ready-made block into every subscriber's queue. Read once, signed once,
written many times. What the bus loses the next poll finds.

The first record leaves at once; after a frame the publisher rests some 20 to 50 ms, so that a
burst becomes few frames.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final

import msgspec

from tokenry.authority.feed_archive import FeedArchive, HistoryDiffers, PublishedHead
from tokenry.authority.feed_opening import FeedOpening
from tokenry.authority.feed_profiles import FeedProfiles
from tokenry.authority.feed_signing import (
    FeedSigning,
    FeedType,
    frame_block,
    heartbeat_block,
    profile_block,
)
from tokenry.authority.feed_snapshots import FeedSnapshots
from tokenry.authority.feed_subscribers import FeedSubscribers
from tokenry.authority.feed_subscription import Subscription
from tokenry.authority.key_ring import KeyRing
from tokenry.feed.document import VERSION
from tokenry.feed.frame import MAX_FRAME_RECORDS, Frame
from tokenry.feed.heartbeat import Heartbeat, IssuerHead
from tokenry.feed.record import RecordType
from tokenry.feed.snapshot import SnapshotBody
from tokenry.ports.events import Counted, Events, Level, Noted, Timed
from tokenry.ports.store import FeedPage, Head, RecordsGone, Store
from tokenry.ports.surroundings import Bus, Clock, ClockGuard, Signer
from tokenry.vocabulary.bounds import (
    MAX_FEED_SUBSCRIBERS,
    MAX_SUBSCRIBERS_PER_RESOURCE_SERVER,
)
from tokenry.vocabulary.errors import (
    ClockIsOff,
    InfrastructureFailure,
    SignerUnavailable,
    StoreUnavailable,
)
from tokenry.vocabulary.identifiers import IssuerUrl, ResourceServerName, encode_base64url
from tokenry.vocabulary.sequence import SequenceNumber

POLL: Final = 1.1
"""Seconds without a tick after which the store is read all the same."""
SHORTEST_REST: Final = 0.020
LONGEST_REST: Final = 0.050


class Published(msgspec.Struct, frozen=True):
    """What one turn came to: how many records went out, and whether more wait."""

    records: int
    more: bool


class RangeAnswer(msgspec.Struct, frozen=True):
    """The JSON of a range."""

    profile: str
    frames: list[str]
    more: bool
    version: int = VERSION


class SnapshotAnswer(msgspec.Struct, frozen=True):
    """A snapshot's parts, shared with other answers, and the entity tag of the whole."""

    body: SnapshotBody
    entity_tag: str


class FeedPublisher:
    """The feed of one issuer on this node.

    `observers` are told of every page that is read, in order, before anything is sent.
    """

    def __init__(
        self,
        *,
        ring: KeyRing,
        store: Store,
        signer: Signer,
        bus: Bus,
        clock: Clock,
        clock_guard: ClockGuard,
        events: Events,
        most_subscribers: int = MAX_FEED_SUBSCRIBERS,
        most_of_each: int = MAX_SUBSCRIBERS_PER_RESOURCE_SERVER,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.observers: list[Callable[[FeedPage], None]] = []
        self._issuer: IssuerUrl = ring.issuer
        self._ring = ring
        self._store = store
        self._bus = bus
        self._clock = clock
        self._clock_guard = clock_guard
        self._events = events
        self._pause = pause
        self._signing = FeedSigning(ring=ring, signer=signer)
        self._archive = FeedArchive(issuer=ring.issuer, store=store, signing=self._signing)
        self._opening = FeedOpening(self._archive)
        self._profiles = FeedProfiles(
            issuer=ring.issuer, store=store, signing=self._signing, clock=clock
        )
        self._snapshots = FeedSnapshots(
            issuer=ring.issuer, store=store, signing=self._signing, clock=clock
        )
        self._subscribers = FeedSubscribers(
            events=events, most=most_subscribers, most_each=most_of_each
        )
        self._published: PublishedHead | None = None
        self._due = asyncio.Event()
        self._beat_is_due = True
        self._woken_at: float | None = None
        self._failing = False
        self._draining = False

    @property
    def head(self) -> SequenceNumber:
        """The number up to which this node has published. Raises StoreUnavailable before that."""
        return self._require_published().at.last

    @property
    def has_published(self) -> bool:
        """Whether the feed can be served: the head and the profiles have been read."""
        return self._published is not None and self._profiles.version >= 0

    async def run(self) -> None:
        """Publish until cancelled. A store or signer that fails is asked again each second.

        Raises HistoryDiffers, and then nothing more may be published.
        """
        loop = asyncio.get_running_loop()
        leave = self._bus.subscribe(self._wake)
        poll = loop.call_later(POLL, self.beat)
        self.beat()
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                beat, self._beat_is_due = self._beat_is_due, False
                if beat:
                    poll.cancel()
                    poll = loop.call_later(POLL, self.beat)
                await self._turn(beat=beat)
        finally:
            poll.cancel()
            leave()
            self.drain()

    def beat(self) -> None:
        """Read now and send a heartbeat: there is a new tick, or it is time to look."""
        self._beat_is_due = True
        self._due.set()

    def drain(self) -> None:
        """End every stream and take no more subscribers: the node is stopping."""
        self._draining = True
        self._subscribers.end_all()

    async def publish(self, *, beat: bool = False) -> Published:
        """Read one page and publish what is in it; with `beat`, a heartbeat if nothing waits then.

        Raises ClockIsOff, StoreUnavailable, SignerUnavailable, HistoryDiffers; what was not
        offered by then does not count as published, and the next turn reads it again.
        """
        self._clock_guard.require_right_clock()
        woken_at, self._woken_at = self._woken_at, None
        page = await self._read()
        for observe in self.observers:
            observe(page)
        head = page.head
        if any(record.type is RecordType.KEY for record in page.records):
            # A feed key may be the one that is removed: not one more frame under it.
            await self._ring.refresh_if_moved(head.directory)
        start = head.seq if self._published is None else self._published.at.last
        frames = self._archive.frames_of(page, after=start)
        blocks = [
            (frame, frame_block(frame.last, await self._archive.sign(frame)))
            for frame in frames
            if frame.records
        ]
        # Up to the queues nothing waits: a subscriber gets a frame either here or when it opens.
        newest = frames[-1]
        self._published = PublishedHead(newest.head, newest.closed, newest.profiles)
        for frame, block in blocks:
            self._opening.remember(frame.first, block)
            self._subscribers.offer(block)
        if blocks:
            self._events.count(Counted.FRAME_PUBLISHED, len(blocks))
            if woken_at is not None:
                self._events.took(Timed.FEED_PUBLISH, self._clock.boottime() - woken_at)
        more = newest.last < head.seq
        self._events.level(Level.FEED_HEAD_LAG, head.seq - newest.last)
        await self._renew(head)
        if beat and not more:
            await self._send_heartbeat(newest)
        return Published(len(page.records), more)

    async def subscribe(
        self,
        resource_server: ResourceServerName,
        *,
        after: SequenceNumber | None,
        secret: bytes | None = None,
    ) -> Subscription:
        """Return a stream: the profile, the frames after a number, then what is published.

        It ends when the secret of which the digest is given, the one that it was opened with, is
        the resource server's no more. Raises Overloaded, InfrastructureFailure before it can
        begin, InvalidClient for a resource server that was removed.
        """
        self._require_published()
        self._require_room(resource_server)
        profile = profile_block(await self._profiles.signed(resource_server))
        self._require_room(resource_server)
        if not self._profiles.admits(resource_server, secret):
            # It was proven by what is newer or older than the profiles; at the next try it shows.
            raise InfrastructureFailure(f"the secrets of {resource_server} are being changed")
        published = self._require_published()
        # In one go: the stream is offered every later frame, and its opening has all before.
        subscription = self._subscribers.join(resource_server, secret=secret)
        subscription.open_with(self._opening.blocks(profile, after=after, published=published))
        return subscription

    async def range(
        self, resource_server: ResourceServerName, *, after: SequenceNumber, limit: int
    ) -> RangeAnswer:
        """Return at most `limit` records after a number, in signed frames.

        Raises RecordsNotKept, InfrastructureFailure, InvalidClient.
        """
        published = self._require_published()
        profile = await self._profiles.signed(resource_server)
        found = await self._archive.range(after=after, limit=limit, published=published)
        return RangeAnswer(profile=profile, frames=found.frames, more=found.more)

    async def snapshot(self, resource_server: ResourceServerName) -> SnapshotAnswer:
        """Return all live records as of the published head or a little before.

        Raises InfrastructureFailure, InvalidClient.
        """
        published = self._require_published()
        profile = (await self._profiles.signed(resource_server)).encode("ascii")
        built = await self._snapshots.newest(published)
        # The manifest names its records by their digest, so these two tell the whole apart.
        tag = encode_base64url(sha256(built.manifest + b"\n" + profile).digest()[:16])
        return SnapshotAnswer(SnapshotBody(built.manifest, profile, built.records), tag)

    def _wake(self, issuer: IssuerUrl) -> None:
        if issuer == self._issuer:
            if self._woken_at is None:
                self._woken_at = self._clock.boottime()
            self._due.set()

    async def _turn(self, *, beat: bool) -> None:
        started = self._clock.boottime()
        try:
            published = await self.publish(beat=beat)
        except (ClockIsOff, StoreUnavailable, SignerUnavailable) as error:
            if not self._failing:
                self._failing = True
                self._events.note(
                    Noted.ERROR, "the feed stands still: verifiers grow stale", error=error
                )
            return
        if self._failing:
            self._failing = False
            self._events.note(Noted.INFO, "the feed goes on")
        if published.more:
            self._due.set()
        elif published.records:
            spent = self._clock.boottime() - started
            # Longer when there are many to write to, so that they are done with the last frame.
            await self._pause(min(LONGEST_REST, max(SHORTEST_REST, 5 * spent)))

    async def _read(self) -> FeedPage:
        published = self._published
        if published is None:
            head = await self._store.head(self._issuer)
            return FeedPage(head, head.chain, ())
        try:
            page = await self._store.feed_page(
                self._issuer, after=published.at.last, limit=MAX_FRAME_RECORDS
            )
        except ValueError as error:
            raise HistoryDiffers(
                f"{published.at.last} was published, and the database has no such number:"
                " it was set back"
            ) from error
        if isinstance(page, RecordsGone):
            # This node slept longer than records are kept. Its subscribers have to start anew.
            self._published = None
            self._opening.forget()
            self._subscribers.end_all()
            return FeedPage(page.head, page.head.chain, ())
        if page.chain_before != published.at.chain:
            raise HistoryDiffers(f"the records up to {published.at.last} are not those published")
        return page

    async def _renew(self, head: Head) -> None:
        """Follow changes of profiles and keys."""
        await self._ring.refresh_if_moved(head.directory)
        if head.profiles <= self._profiles.version:
            return
        await self._profiles.read(head.profiles)
        self._subscribers.end_unless(self._profiles.admits)
        for name in self._subscribers.resource_servers():
            block = profile_block(await self._profiles.signed(name))
            self._subscribers.offer_to(name, block)
            await asyncio.sleep(0)  # thousands of signatures would hold everybody up

    async def _send_heartbeat(self, newest: Frame) -> None:
        heartbeat = Heartbeat(
            newest.closed, (IssuerHead(self._issuer, newest.head, newest.profiles),)
        )
        jws = await self._signing.sign(FeedType.HEARTBEAT, heartbeat.to_payload())
        self._subscribers.offer(heartbeat_block(jws))

    def _require_published(self) -> PublishedHead:
        if self._published is None or not self.has_published:
            raise StoreUnavailable("the feed has not been read yet")
        return self._published

    def _require_room(self, resource_server: ResourceServerName) -> None:
        if self._draining:
            raise InfrastructureFailure("this node is stopping: subscribe at another")
        self._subscribers.require_room(resource_server)
