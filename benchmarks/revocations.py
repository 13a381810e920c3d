"""Revocations to fill views with: random selectors in frames, as a feed would bring them."""

import os
import time
from collections.abc import Iterator

from tokenry.feed.chain import extend_chain, head_before_first
from tokenry.feed.frame import MAX_FRAME_RECORDS, Frame
from tokenry.feed.packed_records import pack_records
from tokenry.feed.record import Record, RecordType
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SELECTOR_BYTES, Selector
from tokenry.vocabulary.sequence import SequenceNumber

LIFETIME = 3600
"""Seconds that the records live: longer than any benchmark runs."""


def frames(issuer: IssuerUrl, count: int) -> Iterator[Frame]:
    """Yield the first `count` records of a sequence, each on a selector of its own."""
    head = head_before_first(issuer, 1)
    now = time.time()
    until = head.last + count
    while head.last < until:
        first = head.last + 1
        last = min(head.last + MAX_FRAME_RECORDS, until)
        packed = pack_records(
            Record(
                seq=SequenceNumber(number),
                type=RecordType.SELECTOR,
                selector=random_selector(),
                before=SequenceNumber(number),
                expires=int(now) + LIFETIME,
            )
            for number in range(first, last + 1)
        )
        frame = Frame(
            issuer=issuer,
            epoch=head.epoch,
            first=SequenceNumber(first),
            last=SequenceNumber(last),
            closed=Instant(int(now * 1000)),
            chain=extend_chain(head.chain, packed),
            profiles=1,
            records=packed,
        )
        head = frame.head
        yield frame


def random_selector() -> Selector:
    return Selector(os.urandom(SELECTOR_BYTES))
