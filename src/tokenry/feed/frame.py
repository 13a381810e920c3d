"""Frames: consecutive records of one epoch, and the chain value after the last (G-1)."""

from typing import Final, Self

import msgspec

from tokenry.feed.chain import ChainHead
from tokenry.feed.document import (
    VERSION,
    Epoch,
    Number,
    read_bytes,
    read_chain_value,
    read_document,
    write_document,
)
from tokenry.feed.packed_records import require_records, sequence_numbers
from tokenry.feed.record import RECORD_BYTES, ChainValue
from tokenry.feed.refusals import FeedRefused
from tokenry.vocabulary.identifiers import IssuerUrl, encode_base64url
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber, epoch_of

MAX_FRAME_RECORDS: Final = 500
NOTHING_STATED: Final = Instant(0)
"""`closed` of a frame behind which its publisher already knows further records."""


class _FrameDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    iss: str
    epoch: Epoch
    first: Number
    last: Number
    closed: Number
    chain: str
    profiles: Number
    records: str


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What a publisher signs: records `first` to `last`, or none and where the head is.

    `closed` promises that every record committed by that tick has a number up to `last`;
    NOTHING_STATED promises nothing. `chain` is the value after `last`, `profiles` the version of
    the profile set in force, `records` 41 bytes each. Only verified payloads become Frames.
    """

    issuer: IssuerUrl
    epoch: int
    first: SequenceNumber
    last: SequenceNumber
    closed: Instant
    chain: ChainValue
    profiles: int
    records: bytes

    @classmethod
    def empty(cls, issuer: IssuerUrl, head: ChainHead, *, closed: Instant, profiles: int) -> Self:
        """Say where the head is, without records."""
        return cls(
            issuer=issuer,
            epoch=head.epoch,
            first=SequenceNumber(head.last + 1),
            last=head.last,
            closed=closed,
            chain=head.chain,
            profiles=profiles,
            records=b"",
        )

    @property
    def head(self) -> ChainHead:
        """Where the sequence is after this frame."""
        return ChainHead(self.last, self.chain)

    def records_after(self, number: SequenceNumber) -> bytes:
        """Return the records above `number`, which is `first` - 1 or more."""
        return self.records[(number - self.first + 1) * RECORD_BYTES :]

    def to_payload(self) -> bytes:
        """Return the bytes to sign, under typ `tokenry-frame+jws`."""
        return write_document(
            _FrameDocument(
                iss=self.issuer,
                epoch=self.epoch,
                first=self.first,
                last=self.last,
                closed=self.closed,
                chain=encode_base64url(self.chain),
                profiles=self.profiles,
                records=encode_base64url(self.records),
            )
        )


def parse_frame(verified_payload: bytes) -> Frame:
    """Read a frame whose signature was verified. Raises FeedRefused."""
    document = read_document(verified_payload, _FrameDocument)
    records = read_bytes(document.records, "records")
    _require_consecutive(document, records)
    return Frame(
        issuer=IssuerUrl(document.iss),
        epoch=document.epoch,
        first=SequenceNumber(document.first),
        last=SequenceNumber(document.last),
        closed=Instant(document.closed),
        chain=read_chain_value(document.chain),
        profiles=document.profiles,
        records=records,
    )


def _require_consecutive(document: _FrameDocument, records: bytes) -> None:
    require_records(records)
    count = len(records) // RECORD_BYTES
    if count > MAX_FRAME_RECORDS:
        raise FeedRefused(f"expected at most {MAX_FRAME_RECORDS} records in a frame")
    if document.last - document.first + 1 != count:
        raise FeedRefused("expected as many records as first and last say")
    # The first record of an epoch has n = 1, and first - 1 is the number before it.
    if {epoch_of(SequenceNumber(n)) for n in (document.first - 1, document.last)} != {
        document.epoch
    }:
        raise FeedRefused("expected first and last in the frame's epoch")
    if sequence_numbers(records) != list(range(document.first, document.last + 1)):
        raise FeedRefused("expected consecutive records from first to last")
