"""A revocation record, its 41 bytes, and the chain over them (G-1).

The byte layout is fixed by `docs/reference/feed.md`, big-endian:

    seq 8 ‖ type 1 ‖ selector 16 ‖ before 8 ‖ expires 8
"""

import struct
from enum import IntEnum
from hashlib import sha256
from typing import Final, NewType

import msgspec

from tokenry.vocabulary.selectors import SELECTOR_BYTES, Selector
from tokenry.vocabulary.sequence import SequenceNumber

ChainValue = NewType("ChainValue", bytes)

RECORD_BYTES: Final = 41
CHAIN_BYTES: Final = 32
NEVER: Final = (1 << 53) - 1
"""`expires` of a record that is never dropped (`key` records)."""

_LAYOUT = struct.Struct(">QB16sQQ")
_CHAIN_CONTEXT: Final = b"tokenry-feed-v1"


class RecordType(IntEnum):
    """How a record is matched."""

    SELECTOR = 1
    """Revokes every token that carries the selector and was born before `before`."""
    KEY = 2
    """Drops the signing key whose thumbprint the selector names, for good."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One revocation. `expires` is a NumericDate; `before` equals `seq` unless healed."""

    seq: SequenceNumber
    type: RecordType
    selector: Selector
    before: SequenceNumber
    expires: int

    def to_bytes(self) -> bytes:
        """Return the 41 bytes that travel and that the chain covers.

        Raises ValueError for a value that does not fit its field.
        """
        if len(self.selector) != SELECTOR_BYTES:
            raise ValueError(f"a selector has {SELECTOR_BYTES} bytes, not {len(self.selector)}")
        try:
            return _LAYOUT.pack(self.seq, self.type, self.selector, self.before, self.expires)
        except struct.error:
            raise ValueError(f"record {self.seq} has a number that does not fit") from None


def record_from_bytes(data: bytes) -> Record:
    """Parse 41 bytes. Raises ValueError on another length or an unknown type."""
    if len(data) != RECORD_BYTES:
        raise ValueError(f"a record has {RECORD_BYTES} bytes, not {len(data)}")
    seq, kind, selector, before, expires = _LAYOUT.unpack(data)
    return Record(seq=seq, type=RecordType(kind), selector=selector, before=before, expires=expires)


def first_chain_value(issuer: str, epoch: int) -> ChainValue:
    """Return c₀ of an epoch: SHA-256("tokenry-feed-v1" ‖ 00 ‖ issuer ‖ 00 ‖ epoch as 8 bytes)."""
    context = _CHAIN_CONTEXT + b"\0" + issuer.encode() + b"\0" + epoch.to_bytes(8, "big")
    return ChainValue(sha256(context).digest())


def next_chain_value(previous: ChainValue, record: Record) -> ChainValue:
    """Return c_n = SHA-256(c_{n-1} ‖ record_n)."""
    return ChainValue(sha256(previous + record.to_bytes()).digest())
