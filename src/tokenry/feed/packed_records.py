"""Many records as they travel: 41 bytes each, one after another, checked without unpacking each."""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from tokenry.feed.record import RECORD_BYTES, Record, RecordType, record_from_bytes
from tokenry.feed.refusals import FeedRefused
from tokenry.vocabulary.selectors import Selector

Entry = tuple[Selector, int, int]
"""selector, `before` and `expires` (NumericDate)."""

_TYPE_AT: Final = 8
_NUMBERS_AT: Final = (0, 25, 33)
_TYPES: Final = frozenset(RecordType)
# A number below 2**53 has a first byte of zero and a second one below this.
_SECOND_BYTE_LIMIT: Final = 32
_NUMBER: Final = struct.Struct(">Q33x")
_ENTRY: Final = struct.Struct(">9x16sQQ")


def pack_records(records: Iterable[Record]) -> bytes:
    """Return the records' bytes, in their order."""
    return b"".join([record.to_bytes() for record in records])


def unpack_records(packed: bytes) -> Iterator[Record]:
    """Yield each of a whole number of checked records."""
    for start in range(0, len(packed), RECORD_BYTES):
        yield record_from_bytes(packed[start : start + RECORD_BYTES])


def require_records(packed: bytes) -> None:
    """Raise FeedRefused unless these are whole records of known types, all numbers below 2**53."""
    if len(packed) % RECORD_BYTES:
        raise FeedRefused(f"expected whole records of {RECORD_BYTES} bytes")
    if not packed:
        return
    if not _TYPES.issuperset(packed[_TYPE_AT::RECORD_BYTES]):
        raise FeedRefused("expected records of type 1 or 2")
    for at in _NUMBERS_AT:
        second_byte = max(packed[at + 1 :: RECORD_BYTES])
        if any(packed[at::RECORD_BYTES]) or second_byte >= _SECOND_BYTE_LIMIT:
            raise FeedRefused("expected numbers below 2**53 in every record")


def sequence_numbers(packed: bytes) -> list[int]:
    """Return the number of each record."""
    return [number for (number,) in _NUMBER.iter_unpack(packed)]


def key_selectors(packed: bytes) -> list[Selector]:
    """Return the selectors of `key` records, which name keys to drop."""
    kinds = packed[_TYPE_AT::RECORD_BYTES]
    if RecordType.KEY not in kinds:
        return []
    entries = zip(kinds, _ENTRY.iter_unpack(packed), strict=True)
    return [entry[0] for kind, entry in entries if kind == RecordType.KEY]


def selector_entries(packed: bytes) -> Iterable[Entry]:
    """Return selector, `before` and `expires` of each record that is matched against tokens."""
    kinds = packed[_TYPE_AT::RECORD_BYTES]
    entries = _ENTRY.iter_unpack(packed)
    if RecordType.KEY not in kinds:
        return entries
    return (
        entry for kind, entry in zip(kinds, entries, strict=True) if kind == RecordType.SELECTOR
    )
