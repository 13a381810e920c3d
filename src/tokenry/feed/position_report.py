"""What a verifier reports of itself, so that operators see lag and keys roll over safely (G-5)."""

from typing import Annotated, Final, Self

import msgspec

from tokenry.feed.document import VERSION, Number, read_document, write_document
from tokenry.vocabulary.identifiers import Thumbprint
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber

MAX_REPORTED_KEYS: Final = 100

_Handle = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}\\Z")]
_Thumbprints = Annotated[
    list[Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{43}\\Z")]],
    msgspec.Meta(max_length=MAX_REPORTED_KEYS),
]


class _ReportDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    instance: _Handle
    head: Number
    closed: Number
    lag_ms: Number | None
    keys: _Thumbprints


class PositionReport(msgspec.Struct, frozen=True, kw_only=True):
    """How far one verifier process has come; head and `closed` 0 before the first snapshot.

    `lag_ms` is its own staleness, None while it may not be used; `keys` the token keys it holds.
    """

    instance: str
    head: SequenceNumber
    closed: Instant
    lag_ms: int | None
    keys: tuple[Thumbprint, ...]

    def to_bytes(self) -> bytes:
        """Return the JSON body."""
        return write_document(
            _ReportDocument(
                instance=self.instance,
                head=self.head,
                closed=self.closed,
                lag_ms=self.lag_ms,
                keys=list(self.keys),
            )
        )

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Read a body. Raises FeedRefused."""
        document = read_document(body, _ReportDocument)
        return cls(
            instance=document.instance,
            head=SequenceNumber(document.head),
            closed=Instant(document.closed),
            lag_ms=document.lag_ms,
            keys=tuple(map(Thumbprint, document.keys)),
        )
