"""The testing issuer's revocation sequence, and everything it signs about it (G-1)."""

from collections.abc import Sequence
from typing import Final

from tokenry.feed.chain import ChainHead, extend_chain, head_before_first
from tokenry.feed.frame import Frame
from tokenry.feed.heartbeat import Heartbeat, IssuerHead
from tokenry.feed.profile import Profile
from tokenry.feed.publishing import frames_after
from tokenry.feed.record import NEVER, Record, RecordType
from tokenry.feed.snapshot import SnapshotBody, manifest_of
from tokenry.jose import PrivateKey, sign_compact
from tokenry.ports.surroundings import Clock
from tokenry.resource.signed_feed import (
    FRAME_TYPE,
    HEARTBEAT_TYPE,
    PROFILE_TYPE,
    SNAPSHOT_TYPE,
)
from tokenry.vocabulary.bounds import MAX_TOKEN_LIFETIME
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant, numeric_date
from tokenry.vocabulary.selectors import Selector, SelectorKind, selector
from tokenry.vocabulary.sequence import FIRST_EPOCH, SequenceNumber

_KEPT_FOR: Final = MAX_TOKEN_LIFETIME + 60


class History:
    """All records, in their order. `closed` is always the tick of the present second."""

    def __init__(self, issuer: IssuerUrl, clock: Clock, *, feed_keys: list[PrivateKey]) -> None:
        self.issuer = issuer
        self.profiles = 0
        self.records: list[Record] = []
        self._clock = clock
        self._feed_keys = feed_keys
        self._first = head_before_first(issuer, FIRST_EPOCH)
        self._heads = [self._first]

    @property
    def head(self) -> ChainHead:
        """Where the sequence stands."""
        return self._heads[-1]

    @property
    def closed(self) -> Instant:
        """The newest tick: they are committed each second."""
        now = self._clock.now()
        return Instant(now - now % MILLISECONDS_PER_SECOND)

    def revoke(self, kind: SelectorKind, value: str) -> Frame:
        """Append a record and return the frame that carries it."""
        is_key = kind is SelectorKind.KEY
        number = SequenceNumber(self.head.last + 1)
        record = Record(
            seq=number,
            type=RecordType.KEY if is_key else RecordType.SELECTOR,
            selector=selector(self.issuer, kind, value),
            before=number,
            expires=NEVER if is_key else numeric_date(self._clock.now()) + _KEPT_FOR,
        )
        before = self.head
        self.records.append(record)
        self._heads.append(ChainHead(number, extend_chain(before.chain, record.to_bytes())))
        return self.frames(before.last)[-1]

    def frames(self, after: SequenceNumber) -> list[Frame]:
        """Return frames from a number to the head, an empty one if there is nothing after it."""
        skipped = after - self._first.last
        return frames_after(
            self.issuer,
            self._heads[skipped],
            self.records[skipped:],
            head=self.head,
            closed=self.closed,
            profiles=self.profiles,
        )

    def is_revoked(self, selectors: frozenset[Selector], rsn: int) -> bool:
        """Say whether any record revokes what has these selectors and was born at `rsn`."""
        return any(
            record.type is RecordType.SELECTOR
            and record.selector in selectors
            and rsn < record.before
            for record in self.records
        )

    def snapshot(self, profile: Profile) -> bytes:
        """Return all live records, signed, with a service's profile."""
        live = numeric_date(self.closed)
        records = b"".join(r.to_bytes() for r in self.records if r.expires >= live)
        manifest = manifest_of(
            self.issuer, self.head, records, closed=self.closed, profiles=self.profiles
        )
        return SnapshotBody(
            self._sign(manifest.to_payload(), SNAPSHOT_TYPE).encode("ascii"),
            self.sign_profile(profile).encode("ascii"),
            records,
        ).to_bytes()

    def sign_frame(self, frame: Frame) -> str:
        """Return a frame as a compact JWS."""
        return self._sign(frame.to_payload(), FRAME_TYPE)

    def sign_profile(self, profile: Profile) -> str:
        """Return a profile as a compact JWS."""
        return self._sign(profile.to_payload(), PROFILE_TYPE)

    def frame_block(self, frame: Frame) -> bytes:
        """Return a frame as a server-sent event."""
        return _event("frame", self.sign_frame(frame), number=frame.last)

    def frame_blocks(self, frames: Sequence[Frame]) -> tuple[bytes, ...]:
        """Return frames as server-sent events."""
        return tuple(self.frame_block(frame) for frame in frames)

    def profile_block(self, profile: Profile) -> bytes:
        """Return a profile as a server-sent event."""
        return _event("profile", self.sign_profile(profile))

    def heartbeat_block(self) -> bytes:
        """Return a heartbeat as a server-sent event."""
        heads = (IssuerHead(self.issuer, self.head, self.profiles),)
        payload = Heartbeat(closed=self.closed, heads=heads).to_payload()
        return _event("heartbeat", self._sign(payload, HEARTBEAT_TYPE))

    def _sign(self, payload: bytes, typ: str) -> str:
        return sign_compact(payload, key=self._feed_keys[-1], typ=typ)


def _event(kind: str, data: str, *, number: int | None = None) -> bytes:
    lead = "" if number is None else f"id: {number}\n"
    return f"event: {kind}\n{lead}data: {data}\n\n".encode()
