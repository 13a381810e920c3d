"""Give a plan's revocations their numbers, records and chain values (G-1). Pure."""

from collections.abc import Mapping

import msgspec

from tokenry.feed.record import ChainValue, Record, next_chain_value
from tokenry.ports.plans import Revocation
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber


class NumberedRecord(msgspec.Struct, frozen=True):
    """A new record, the chain value after it, and how long its floor stands."""

    record: Record
    chain: ChainValue
    revocation: Revocation


class Numbered(msgspec.Struct, frozen=True):
    """What revocations came to: a number for each in order, the new records, the head after."""

    numbers: tuple[SequenceNumber, ...]
    fresh: tuple[NumberedRecord, ...]
    seq: SequenceNumber
    chain: ChainValue


def number_revocations(
    revocations: tuple[Revocation, ...],
    *,
    seq: SequenceNumber,
    chain: ChainValue,
    floors: Mapping[Selector, SequenceNumber],
) -> Numbered:
    """Give revocations the numbers that follow the head (`seq`, `chain`).

    `floors` holds the standing floor of every selector whose revocation is not repeatable, where
    there is one: such a revocation keeps that number and makes no record.
    """
    numbers: list[SequenceNumber] = []
    fresh: list[NumberedRecord] = []
    taken: dict[Selector, SequenceNumber] = {}
    for revocation in revocations:
        selector = revocation.selector
        earlier = taken.get(selector, floors.get(selector))
        if earlier is not None and not revocation.repeatable:
            numbers.append(earlier)
            continue
        seq = SequenceNumber(seq + 1)
        record = Record(
            seq=seq,
            type=revocation.type,
            selector=selector,
            before=seq,
            expires=revocation.expires,
        )
        chain = next_chain_value(chain, record)
        taken[selector] = seq
        numbers.append(seq)
        fresh.append(NumberedRecord(record, chain, revocation))
    return Numbered(tuple(numbers), tuple(fresh), seq, chain)
