"""The head of a revocation sequence: its last number, and the chain value there (G-1)."""

from hashlib import sha256

import msgspec

from tokenry.feed.record import RECORD_BYTES, ChainValue, first_chain_value
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.sequence import SequenceNumber, epoch_of, sequence_number


class ChainHead(msgspec.Struct, frozen=True, gc=False):
    """A number and c at that number: equal heads mean equal histories of their epoch."""

    last: SequenceNumber
    chain: ChainValue

    @property
    def epoch(self) -> int:
        """The epoch that `last` belongs to."""
        return epoch_of(self.last)


def head_before_first(issuer: IssuerUrl, epoch: int) -> ChainHead:
    """Return the head of an epoch without records: number 0 of it, and c₀."""
    return ChainHead(sequence_number(epoch, 0), first_chain_value(issuer, epoch))


def extend_chain(previous: ChainValue, records: bytes) -> ChainValue:
    """Return the chain value after consecutive records, 41 bytes each, that follow `previous`."""
    value: bytes = previous
    for start in range(0, len(records), RECORD_BYTES):
        value = sha256(value + records[start : start + RECORD_BYTES]).digest()
    return ChainValue(value)
