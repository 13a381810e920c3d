"""Numbers of an issuer's revocation sequence (G-1).

A number is `epoch * 2**40 + n` and stays below 2**53, so that every JSON reader holds it exactly.
`n` counts the records of its epoch from 1; `n` = 0 is the head of an epoch without records.
Only a fence opens a new epoch.
"""

from typing import Final, NewType

SequenceNumber = NewType("SequenceNumber", int)

EPOCH_SHIFT: Final = 40
FIRST_EPOCH: Final = 1
SEQUENCE_LIMIT: Final = 1 << 53


def sequence_number(epoch: int, n: int) -> SequenceNumber:
    """Return the number of record `n` of `epoch`. Raises ValueError when it would not fit."""
    if not (0 < epoch < 1 << (53 - EPOCH_SHIFT) and 0 <= n < 1 << EPOCH_SHIFT):
        raise ValueError(f"no sequence number for epoch {epoch}, record {n}")
    return SequenceNumber((epoch << EPOCH_SHIFT) + n)


def epoch_of(number: SequenceNumber) -> int:
    """Return the epoch a number belongs to."""
    return number >> EPOCH_SHIFT


FIRST_HEAD: Final = sequence_number(FIRST_EPOCH, 0)
"""The head of a new issuer, before its first record."""
