"""Snapshots of all live records: built off the event loop, one at a time, then shared (G-1)."""

import asyncio
from typing import Final

import msgspec

from tokenry.authority.feed_archive import PublishedHead
from tokenry.authority.feed_signing import FeedSigning, FeedType
from tokenry.feed.chain import ChainHead
from tokenry.feed.snapshot import manifest_of
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId
from tokenry.vocabulary.sequence import SequenceNumber

REST: Final = 4
"""After a build, rest this many times as long as it took: at most a fifth of a core is spent.

Meanwhile the last one is given out. It is no less true: range and stream lead on from it.
"""


class BuiltSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that all resource servers share; `manifest` is signed under `kid`."""

    last: SequenceNumber
    profiles: int
    kid: KeyId
    manifest: bytes
    records: bytes


class FeedSnapshots:
    """The snapshots of one issuer; the newest is kept."""

    def __init__(
        self, *, issuer: IssuerUrl, store: Store, signing: FeedSigning, clock: Clock
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._signing = signing
        self._clock = clock
        self._newest: BuiltSnapshot | None = None
        self._rests_until = 0.0
        self._building = asyncio.Lock()

    async def newest(self, published: PublishedHead) -> BuiltSnapshot:
        """Return a snapshot at the published head, or one that is as recent as can be afforded.

        Raises StoreUnavailable, SignerUnavailable.
        """
        kept = self._kept(published)
        if kept is not None:
            return kept
        async with self._building:
            # Whoever was building meanwhile built it for all who waited.
            return self._kept(published) or await self._build()

    def _kept(self, published: PublishedHead) -> BuiltSnapshot | None:
        kept = self._newest
        if kept is None or kept.kid != self._signing.kid:
            return None
        is_current = kept.last >= published.at.last and kept.profiles >= published.profiles
        return kept if is_current or self._clock.boottime() < self._rests_until else None

    async def _build(self) -> BuiltSnapshot:
        started = self._clock.boottime()
        live = await self._store.live_records(self._issuer)
        manifest = await asyncio.to_thread(
            manifest_of,
            self._issuer,
            ChainHead(live.head.seq, live.head.chain),
            live.records,
            closed=live.head.closed,
            profiles=live.head.profiles,
        )
        kid = self._signing.kid
        signed = await self._signing.sign(FeedType.SNAPSHOT, manifest.to_payload())
        self._newest = BuiltSnapshot(
            last=live.head.seq,
            profiles=live.head.profiles,
            kid=kid,
            manifest=signed.encode("ascii"),
            records=live.records,
        )
        ended = self._clock.boottime()
        self._rests_until = ended + REST * (ended - started)
        return self._newest
