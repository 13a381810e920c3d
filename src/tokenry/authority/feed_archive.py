"""Frames of records that were published before, read and signed anew for who lacks them (G-1)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from tokenry.authority.feed_signing import FeedSigning, FeedType
from tokenry.feed.chain import ChainHead
from tokenry.feed.frame import MAX_FRAME_RECORDS, Frame
from tokenry.feed.publishing import frames_after
from tokenry.ports.store import FeedPage, RecordsGone, Store
from tokenry.vocabulary.errors import InfrastructureFailure, ProtocolError
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber, epoch_of

MAX_RANGE_FRAMES: Final = 20
MAX_RANGE_RECORDS: Final = MAX_RANGE_FRAMES * MAX_FRAME_RECORDS
MAX_READS: Final = 8
"""At a time: many that resume together wait for each other, not the revocations for them."""


class RecordsNotKept(ProtocolError):
    """Records after that number are no longer all kept: load a snapshot (RFC 9110 §15.5.11)."""

    code = "gone"
    status = 410
    default_description = "Records after that number are no longer kept; load a snapshot."


class HistoryDiffers(InfrastructureFailure):
    """The database is not the one whose records were published: it was set back or altered (G-1).

    The node must stop: verifiers know more than it does. Restore the newer database.
    """


class PublishedHead(msgspec.Struct, frozen=True):
    """How far this node has published, and what may be stated of it.

    `closed` is the newest tick that a page reaching exactly this head was read with.
    """

    at: ChainHead
    closed: Instant
    profiles: int


class RangeOfFrames(msgspec.Struct, frozen=True):
    """Frames after a number, signed; `more` if further records are there already."""

    frames: list[str]
    more: bool


class FeedArchive:
    """Reads of one issuer's records for frames."""

    def __init__(self, *, issuer: IssuerUrl, store: Store, signing: FeedSigning) -> None:
        self._issuer = issuer
        self._store = store
        self._signing = signing
        self._reads = asyncio.Semaphore(MAX_READS)

    async def range(
        self, *, after: SequenceNumber, limit: int, published: PublishedHead
    ) -> RangeOfFrames:
        """Return at most 20 frames with at most `limit` records after a number.

        For a number that this database does not have: an empty frame where it is. Raises
        RecordsNotKept, StoreUnavailable, SignerUnavailable.
        """
        page = await self._page(after, min(limit, MAX_RANGE_RECORDS), published)
        if page is None:
            return RangeOfFrames([await self.sign(self.empty_frame(published))], more=False)
        frames = self.frames_of(page, after=after)
        signed = [await self.sign(frame) for frame in frames]
        return RangeOfFrames(signed, more=frames[-1].last < page.head.seq)

    async def catch_up(
        self, *, after: SequenceNumber, published: PublishedHead
    ) -> AsyncIterator[tuple[Frame, str]]:
        """Yield signed frames from a number up to exactly the published head, which lies above it.

        Raises RecordsNotKept, StoreUnavailable, SignerUnavailable.
        """
        until = published.at.last
        while after < until:
            # Numbers of an epoch have no gaps, so a limit is a last number.
            page = await self._page(after, min(MAX_FRAME_RECORDS, until - after), published)
            if page is None or not page.records:
                raise RecordsNotKept(because=f"no records after {after}, {until} was published")
            # Not with the page's own head, which may have moved on: what it closed is not closed
            # for somebody who gets no further than the published one here.
            for frame in self._frames(after, page, published):
                yield frame, await self.sign(frame)
                after = frame.last

    def frames_of(self, page: FeedPage, *, after: SequenceNumber) -> list[Frame]:
        """Return the frames of a page, an empty one if it has no records. Raises HistoryDiffers."""
        head = page.head
        as_read = PublishedHead(ChainHead(head.seq, head.chain), head.closed, head.profiles)
        return self._frames(after, page, as_read)

    def empty_frame(self, published: PublishedHead) -> Frame:
        """Return the frame that says where the head is."""
        return Frame.empty(
            self._issuer, published.at, closed=published.closed, profiles=published.profiles
        )

    async def sign(self, frame: Frame) -> str:
        """Return a frame, signed. Raises SignerUnavailable."""
        return await self._signing.sign(FeedType.FRAME, frame.to_payload())

    def _frames(self, after: SequenceNumber, page: FeedPage, head: PublishedHead) -> list[Frame]:
        try:
            return frames_after(
                self._issuer,
                ChainHead(after, page.chain_before),
                page.records,
                head=head.at,
                closed=head.closed,
                profiles=head.profiles,
            )
        except ValueError as error:
            raise HistoryDiffers(str(error)) from error

    async def _page(
        self, after: SequenceNumber, limit: int, published: PublishedHead
    ) -> FeedPage | None:
        """Read a page; None when `after` is above every number of the database."""
        if epoch_of(after) < published.at.epoch:
            raise RecordsNotKept(because=f"{after} is of an earlier epoch")
        try:
            async with self._reads:
                page = await self._store.feed_page(self._issuer, after=after, limit=limit)
        except ValueError:
            return None
        if isinstance(page, RecordsGone):
            raise RecordsNotKept(because=f"records after {after} were purged")
        return page
