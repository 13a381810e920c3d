"""The answer to a range request: signed frames after a number, and whether there are more."""

from typing import Final, Self

import msgspec

from tokenry.feed.document import VERSION, read_document, write_document
from tokenry.feed.refusals import FeedRefused

MAX_RANGE_FRAMES: Final = 20
MAX_RANGE_BYTES: Final = 2 * 1024 * 1024
"""Longest body of a range answer that has to be read."""


class _RangeDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    profile: str
    frames: list[str]
    more: bool


class RangeAnswer(msgspec.Struct, frozen=True):
    """Compact JWS, none of them verified; `more` is a hint, and nobody's word."""

    profile: str
    frames: tuple[str, ...]
    more: bool

    def to_bytes(self) -> bytes:
        """Return the JSON body."""
        return write_document(
            _RangeDocument(profile=self.profile, frames=list(self.frames), more=self.more)
        )

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Read a body. Raises FeedRefused."""
        document = read_document(body, _RangeDocument)
        if not 0 < len(document.frames) <= MAX_RANGE_FRAMES:
            raise FeedRefused(f"expected 1 to {MAX_RANGE_FRAMES} frames")
        return cls(document.profile, tuple(document.frames), document.more)
