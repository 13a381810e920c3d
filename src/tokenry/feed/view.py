"""The revocation view: what a verifier knows of one issuer's sequence (G-1, P-7).

Verified frames, heartbeats and snapshots go in, in whatever order they come, any number of times;
each gets an outcome. The view ends either where the sender stands or with an outcome that says
what is missing: it never passes over a record in silence.
"""

from collections.abc import Set
from typing import Final

from tokenry.feed.anchors import Anchors
from tokenry.feed.chain import ChainHead, extend_chain
from tokenry.feed.frame import NOTHING_STATED, Frame
from tokenry.feed.heartbeat import Heartbeat
from tokenry.feed.outcomes import (
    AlreadyKnown,
    Applied,
    Backwards,
    ChainMismatch,
    FrameOutcome,
    Gap,
    Installed,
    NotOurs,
    SnapshotNeeded,
    SnapshotOutcome,
    UnknownEpoch,
    ViewFull,
    ViewState,
)
from tokenry.feed.profile import Tiers
from tokenry.feed.record import RECORD_BYTES
from tokenry.feed.refusals import ExceedsCapacity
from tokenry.feed.revocation_table import BUCKETS, RevocationTable
from tokenry.feed.snapshot import LoadedSnapshot, Predecessor, expiry_limit
from tokenry.feed.staleness import PASSED, ClockReading, Deadline, Staleness, Tier, tier_at
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant, Seconds
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber

DEFAULT_CAPACITY: Final = 2_000_000
"""Live records, about 250 MB; 6,000 revocations a second of tokens that live five minutes."""
SWEEP_EVERY: Final = Seconds(60)
"""While heartbeats come, an expired record is dropped within this time."""
_MOST_BUCKETS_AT_ONCE: Final = 128


class RevocationView:
    """One issuer's revocations, as far as they are known here.

    One thread applies; `matches` and what is read only may be used from others meanwhile. Holds
    at most `capacity` live records; `leeway` is the verifier's own, so much longer an expired
    record is kept.
    """

    def __init__(
        self, issuer: IssuerUrl, *, leeway: Seconds, capacity: int = DEFAULT_CAPACITY
    ) -> None:
        self.issuer = issuer
        self.leeway = leeway
        self.capacity = capacity
        self.state = ViewState.NEVER_SYNCHRONIZED
        self.version = 0
        """Moves with what `matches` may answer: read it before asking, ask again when it moved."""
        self.profiles = 0
        """The newest version of the profile set that was stated together with a known head."""
        self._head: ChainHead | None = None
        self._head_stated: Instant | None = None
        self._anchors = Anchors()
        self._staleness = Staleness()
        self._swept_until = Instant(0)
        self._use(RevocationTable(capacity=capacity))

    def __len__(self) -> int:
        """Return the number of live records."""
        return len(self._table)

    @property
    def head(self) -> SequenceNumber | None:
        """The last number that is in the view; None before the first snapshot."""
        return None if self._head is None else self._head.last

    @property
    def chain_head(self) -> ChainHead | None:
        """The head with its chain value."""
        return self._head

    @property
    def closed(self) -> Instant:
        """The newest tick up to which the view is complete; 0 before the first snapshot.

        Records are dropped by this clock. Judge `exp` by the later of it and your own: then no
        token can outlive the record that revoked it, however late your own clock is.
        """
        return self._staleness.closed

    @property
    def removed_keys(self) -> Set[Selector]:
        """Selectors, of kind `key`, of the keys that are never to be trusted again."""
        return self._table.removed_keys

    @property
    def anchors(self) -> Anchors:
        """Numbers of the last 30 days with the chain values that were seen there."""
        return self._anchors

    @property
    def clock_fault(self) -> bool:
        """Whether this machine's clock is over a second behind what was signed: an alarm."""
        return self._staleness.clock_fault

    def matches(self, selectors: frozenset[Selector], rsn: SequenceNumber) -> SequenceNumber | None:
        """Return the `before` of a record that revokes what has these selectors, born at `rsn`.

        None: no record does. Says nothing about `state` and staleness; `tier` does.
        """
        if self._holds_none_of(selectors):
            return None
        latest = max(filter(None, map(self._table.before, selectors)), default=None)
        return latest if latest is not None and rsn < latest else None

    def staleness(self, at: ClockReading) -> int | None:
        """Return how many milliseconds old the view may be; None if it must not be used at all."""
        if self.state is not ViewState.SYNCHRONIZED:
            return None
        return self._staleness.milliseconds(at)

    def tier(self, tiers: Tiers, at: ClockReading) -> Tier:
        """Return what the state and age of the view allow."""
        return tier_at(self.staleness(at), tiers)

    def deadline(self, limit: Seconds) -> Deadline:
        """Return until when staleness stays within `limit` if nothing more arrives.

        Spares a hot path the arithmetic: take a new one after each message that was applied.
        """
        if self.state is not ViewState.SYNCHRONIZED:
            return PASSED
        return self._staleness.deadline(limit)

    def apply_frame(self, frame: Frame, at: ClockReading) -> FrameOutcome:
        """Apply a verified frame that was received at `at`."""
        if frame.issuer != self.issuer:
            return NotOurs()
        outcome = self._compare(frame, at)
        match outcome:
            case Gap() if self._head is not None and frame.first <= self._head.last + 1:
                return self._apply_news(frame, self._head, at)
            case Backwards(alarm=False) if frame.records:
                # Its publisher may have gone on since: an old frame, not an old head.
                return AlreadyKnown()
            case _:
                return outcome

    def apply_heartbeat(self, heartbeat: Heartbeat, at: ClockReading) -> FrameOutcome:
        """Compare a verified heartbeat with the view; where they agree the view is fresher."""
        stated = heartbeat.of(self.issuer)
        if stated is None:
            return NotOurs()
        empty = Frame.empty(
            self.issuer, stated.head, closed=heartbeat.closed, profiles=stated.profiles
        )
        return self._compare(empty, at)

    def predecessor(self) -> Predecessor:
        """Return what `load_snapshot` is to keep; a copy, made in milliseconds."""
        return Predecessor(self.version, self.leeway, self._table.kept())

    def install(self, snapshot: LoadedSnapshot, at: ClockReading) -> SnapshotOutcome:
        """Put a loaded snapshot, received at `at`, in the view's place; no record is lost.

        Refused if it is older than the view or contradicts it.
        """
        manifest, table = snapshot.manifest, snapshot.table
        if manifest.issuer != self.issuer:
            return NotOurs()
        stated = Frame.empty(
            self.issuer, manifest.head, closed=manifest.closed, profiles=manifest.profiles
        )
        if self._head is not None and manifest.head.last <= self._head.last:
            outcome = self._compare_known(self._head, stated, at)
            if self.state is ViewState.SYNCHRONIZED or not isinstance(outcome, AlreadyKnown):
                return outcome
        if snapshot.merged != self.version:
            # It was loaded without what is known here, or more has become known since.
            try:
                table.merge(self._table.kept(), limit=expiry_limit(manifest.closed, self.leeway))
            except ExceedsCapacity:
                return self.overflow()
        if len(table) > self.capacity:
            return self.overflow()
        if self.state is ViewState.DISTRUSTED:
            self._anchors = Anchors()
        self._use(table)
        self._swept_until = manifest.closed
        self._advance(stated, at)
        self.state = ViewState.SYNCHRONIZED
        return Installed(len(table))

    def overflow(self) -> ViewFull:
        """Say that there is more than the view may hold: it allows nothing until a snapshot fits.

        Also for a snapshot that was too large to load.
        """
        self.state = ViewState.FULL
        self.version += 1
        return ViewFull(self.capacity)

    def _compare(self, stated: Frame, at: ClockReading) -> FrameOutcome:
        """Compare where a frame ends with where the view stands."""
        self._observe(stated.closed, at, complete=False)
        if self.state is not ViewState.SYNCHRONIZED or self._head is None:
            return SnapshotNeeded(self.state)
        if stated.epoch > self._head.epoch:
            return UnknownEpoch(stated.epoch)
        if stated.last > self._head.last:
            return Gap(after=self._head.last)
        return self._compare_known(self._head, stated, at)

    def _compare_known(
        self, head: ChainHead, stated: Frame, at: ClockReading
    ) -> AlreadyKnown | Backwards | ChainMismatch:
        """Compare what ends at or below the head with what was seen there."""
        if stated.last == head.last:
            if stated.chain != head.chain:
                return self._distrust(head.last)
            self._agree(stated, at)
            return AlreadyKnown()
        anchor = self._anchors.newest_between(SequenceNumber(stated.first - 1), stated.last)
        if anchor is not None:
            chain = extend_chain(anchor.chain, stated.records_after(anchor.last))
            if chain != stated.chain:
                return self._distrust(stated.last)
        # A tick after the one that brought our head was committed after our head was.
        later_than_head = self._head_stated is not None and stated.closed > self._head_stated
        return Backwards(stated.last, alarm=later_than_head)

    def _apply_news(
        self, frame: Frame, head: ChainHead, at: ClockReading
    ) -> Applied | ChainMismatch | ViewFull:
        """Apply the records above the head of a frame that begins at or before the next number."""
        news = frame.records_after(head.last)
        if extend_chain(head.chain, news) != frame.chain:
            return self._distrust(frame.last)
        try:
            self._put(news)
        except ExceedsCapacity:
            return self.overflow()
        self._advance(frame, at)
        return Applied(len(news) // RECORD_BYTES)

    def _put(self, news: bytes) -> None:
        try:
            self._table.put_records(news)
        except ExceedsCapacity:
            self._table.drop_expired(expiry_limit(self.closed, self.leeway))
            self._table.put_records(news)

    def _advance(self, stated: Frame, at: ClockReading) -> None:
        """Move the head to where a frame or snapshot ends, whose records are in the table."""
        head = stated.head
        if self._head is None or head.last > self._head.last:
            self._anchors.add(head, closed=max(self.closed, stated.closed))
        self._head = head
        self._head_stated = None
        self.version += 1
        self._agree(stated, at)

    def _agree(self, stated: Frame, at: ClockReading) -> None:
        """Take over what is stated at the head that the view has as well."""
        self.profiles = max(self.profiles, stated.profiles)
        self._observe(stated.closed, at, complete=True)
        if stated.closed != NOTHING_STATED and self._head_stated is None:
            self._head_stated = stated.closed
        self._sweep()

    def _observe(self, closed: Instant, at: ClockReading, *, complete: bool) -> None:
        if closed != NOTHING_STATED:
            self._staleness.observe(closed, at, complete=complete)

    def _distrust(self, at: SequenceNumber) -> ChainMismatch:
        self.state = ViewState.DISTRUSTED
        self.version += 1
        return ChainMismatch(at)

    def _use(self, table: RevocationTable) -> None:
        self._table = table
        self._holds_none_of = table.holds_none_of

    def _sweep(self) -> None:
        """Drop expired records from as many buckets as `closed` has moved on for."""
        round_length = SWEEP_EVERY * MILLISECONDS_PER_SECOND
        due = min((self.closed - self._swept_until) * BUCKETS // round_length, BUCKETS)
        buckets = min(due, _MOST_BUCKETS_AT_ONCE)
        if buckets > 0:
            self._table.drop_expired(expiry_limit(self.closed, self.leeway), buckets=buckets)
            self._swept_until = Instant(self.closed - (due - buckets) * round_length // BUCKETS)
