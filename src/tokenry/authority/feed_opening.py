"""What a new subscriber is sent before anything live: from its number to the head (G-1)."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from tokenry.authority.feed_archive import FeedArchive, PublishedHead, RecordsNotKept
from tokenry.authority.feed_signing import frame_block, gap_block
from tokenry.vocabulary.sequence import SequenceNumber

RECENT_FRAMES: Final = 256
"""Kept ready for who reconnects, so that many at once cost neither reads nor signatures."""


class FeedOpening:
    """Recent frames of one issuer as ready-made blocks, and older ones from the archive."""

    def __init__(self, archive: FeedArchive) -> None:
        self._archive = archive
        self._recent: deque[tuple[SequenceNumber, bytes]] = deque(maxlen=RECENT_FRAMES)
        self._empty: tuple[PublishedHead, bytes] | None = None

    def remember(self, first: SequenceNumber, block: bytes) -> None:
        """Keep a frame that was published right after the last one."""
        self._recent.append((first, block))

    def forget(self) -> None:
        """Keep nothing: what comes next does not follow on."""
        self._recent.clear()

    def blocks(
        self, lead: bytes, *, after: SequenceNumber | None, published: PublishedHead
    ) -> AsyncIterator[bytes]:
        """Return blocks that lead from a number to the published head, `lead` before them.

        Without a number, and for one that is not below the head, an empty frame says where the
        head is. Records that are no longer kept are a gap, then an empty frame. What is at hand is
        looked up now, before anything else can be published; the rest is read when asked for.
        """
        if after is None or after >= published.at.last:
            return self._at_head(lead, published)
        for position, (first, _) in enumerate(self._recent):
            if first == after + 1:
                return _joined(lead, [block for _, block in [*self._recent][position:]])
        return self._read(lead, after, published)

    async def _at_head(self, lead: bytes, published: PublishedHead) -> AsyncIterator[bytes]:
        yield lead + await self._empty_block(published)

    async def _read(
        self, lead: bytes, after: SequenceNumber, published: PublishedHead
    ) -> AsyncIterator[bytes]:
        yield lead
        at = after
        try:
            async for frame, jws in self._archive.catch_up(after=after, published=published):
                yield frame_block(frame.last, jws)
                at = frame.last
        except RecordsNotKept:
            yield gap_block(at) + await self._empty_block(published)

    async def _empty_block(self, published: PublishedHead) -> bytes:
        if self._empty is None or self._empty[0] is not published:
            frame = self._archive.empty_frame(published)
            self._empty = (published, frame_block(frame.last, await self._archive.sign(frame)))
        return self._empty[1]


async def _joined(lead: bytes, blocks: Sequence[bytes]) -> AsyncIterator[bytes]:
    yield b"".join((lead, *blocks))
