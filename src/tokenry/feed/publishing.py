"""From rows to frames: what a publisher signs, the same chain on every node (G-1).

The records of one read are cut into frames. Only the frame that reaches the head which the read
saw may carry its `closed`: a verifier that got no further than an earlier one would otherwise
believe itself up to date while records committed by then are still under way to it.
"""

from collections.abc import Sequence
from itertools import groupby

import msgspec

from tokenry.feed.chain import ChainHead, extend_chain, head_before_first
from tokenry.feed.frame import MAX_FRAME_RECORDS, NOTHING_STATED, Frame
from tokenry.feed.packed_records import pack_records, require_records
from tokenry.feed.record import Record
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import epoch_of


def frames_after(
    issuer: IssuerUrl,
    after: ChainHead,
    records: Sequence[Record],
    *,
    head: ChainHead,
    closed: Instant,
    profiles: int,
    most: int = MAX_FRAME_RECORDS,
) -> list[Frame]:
    """Cut the consecutive records after a head into frames, one empty frame if there are none.

    `head` is the issuer's head in the snapshot that the records were read in, `closed` the newest
    tick there. Raises ValueError if the records are not those right after `after`, a number does
    not fit, or the chain does not end in the head's: then nothing of it may be signed.
    """
    if not records:
        stated = closed if _reaches(after, head) else NOTHING_STATED
        return [Frame.empty(issuer, after, closed=stated, profiles=profiles)]
    frames = []
    for epoch, group in groupby(records, key=lambda record: epoch_of(record.seq)):
        if epoch > after.epoch:
            after = head_before_first(issuer, epoch)
        of_epoch = list(group)
        for start in range(0, len(of_epoch), most):
            frame = _frame(issuer, after, of_epoch[start : start + most], profiles)
            frames.append(frame)
            after = frame.head
    if _reaches(after, head):
        frames[-1] = msgspec.structs.replace(frames[-1], closed=closed)
    return frames


def _reaches(end: ChainHead, head: ChainHead) -> bool:
    """Say whether the end is the head. Raises ValueError for another history, or one beyond it."""
    if end.last > head.last or (end.last == head.last and end.chain != head.chain):
        raise ValueError(f"expected the chain value of the head at number {end.last}")
    return end.last == head.last


def _frame(issuer: IssuerUrl, after: ChainHead, records: list[Record], profiles: int) -> Frame:
    first, last = records[0].seq, records[-1].seq
    numbers = [record.seq for record in records]
    if numbers != list(range(after.last + 1, after.last + 1 + len(records))):
        raise ValueError(f"expected the records right after number {after.last}, got {first} on")
    packed = pack_records(records)
    require_records(packed)
    return Frame(
        issuer=issuer,
        epoch=after.epoch,
        first=first,
        last=last,
        closed=NOTHING_STATED,
        chain=extend_chain(after.chain, packed),
        profiles=profiles,
        records=packed,
    )
