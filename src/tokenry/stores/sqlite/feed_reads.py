"""Reads of the head and of records, each in one snapshot (G-1).

Records come out of the database many in one row: a row at a time, a thread that reads would give
up and fetch back the interpreter's lock for each of a million records.
"""

from typing import Final

from tokenry.feed.record import RECORD_BYTES, ChainValue, record_from_bytes
from tokenry.ports.store import FeedPage, Head, LiveRecords, RecordsGone
from tokenry.stores.retention import expiry_outlived
from tokenry.stores.sqlite.reader import Reader, Snapshot
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber

_CHUNK: Final = 4096

_HEAD = "SELECT seq, chain, tick, directory, profiles FROM head, whole WHERE issuer = ?"
_HEAD_AND_KEPT = (
    "SELECT seq, chain, tick, directory, profiles, id, kept_after, kept_chain"
    " FROM head, whole WHERE issuer = ?"
)
_RECORDS_AFTER = (
    "SELECT group_concat(hex(body), '') FROM"
    " (SELECT body FROM record WHERE issuer = ? AND seq > ? ORDER BY seq LIMIT ?)"
)
_LIVE_RECORDS_AFTER = (
    "SELECT group_concat(hex(body), '') FROM (SELECT body FROM record"
    " WHERE issuer = ? AND seq > ? AND expires > ? ORDER BY seq LIMIT ?)"
)


def unknown_issuer(issuer: IssuerUrl) -> LookupError:
    """Return what to raise for an issuer that was never created."""
    return LookupError(f"no issuer {issuer}: create it first")


def read_head(reader: Reader, issuer: IssuerUrl) -> Head:
    """Read the head row with the newest tick."""
    rows = reader.rows(_HEAD, issuer)
    if not rows:
        raise unknown_issuer(issuer)
    return _head(*rows[0])


def read_page(
    reader: Reader, issuer: IssuerUrl, after: SequenceNumber, limit: int
) -> FeedPage | RecordsGone:
    """Read records after a number, at most `limit`."""
    with reader.snapshot() as snapshot:
        head, issuer_id, kept_after, kept_chain = _head_and_kept(snapshot, issuer)
        if after > head.seq:
            raise ValueError(
                f"{after} is above the head {head.seq}: somebody is ahead of this database"
            )
        if after < kept_after:
            return RecordsGone(head)
        if after == head.seq:
            return FeedPage(head, head.chain, ())
        if after == kept_after:
            chain_before = kept_chain
        else:
            rows = snapshot.rows(
                "SELECT chain FROM record WHERE issuer = ? AND seq = ?", issuer_id, after
            )
            if not rows:  # between two epochs: no record has that number
                return RecordsGone(head)
            chain_before = rows[0][0]
        found = _unpack(snapshot.rows(_RECORDS_AFTER, issuer_id, after, limit)[0][0])
    return FeedPage(head, chain_before, tuple(map(record_from_bytes, found)))


def read_live_records(reader: Reader, issuer: IssuerUrl) -> LiveRecords:
    """Read all records that the newest tick has not outlived, a few thousand at a time."""
    chunks: list[bytes] = []
    with reader.snapshot() as snapshot:
        head, issuer_id, _, _ = _head_and_kept(snapshot, issuer)
        expired = expiry_outlived(head.closed)
        after = 0
        while True:
            rows = snapshot.rows(_LIVE_RECORDS_AFTER, issuer_id, after, expired, _CHUNK)
            found = _unpack(rows[0][0])
            if not found:
                break
            # Joined as they come: one join of a million would hold up every other thread.
            chunks.append(b"".join(found))
            after = record_from_bytes(found[-1]).seq
    return LiveRecords(head, b"".join(chunks))


def _head(seq: int, chain: bytes, tick: int, directory: int, profiles: int) -> Head:
    return Head(
        seq=SequenceNumber(seq),
        chain=ChainValue(chain),
        closed=Instant(tick),
        directory=directory,
        profiles=profiles,
    )


def _head_and_kept(
    snapshot: Snapshot, issuer: IssuerUrl
) -> tuple[Head, int, SequenceNumber, ChainValue]:
    rows = snapshot.rows(_HEAD_AND_KEPT, issuer)
    if not rows:
        raise unknown_issuer(issuer)
    *head, issuer_id, kept_after, kept_chain = rows[0]
    return _head(*head), issuer_id, kept_after, kept_chain


def _unpack(concatenated: str | None) -> list[bytes]:
    """Return the records of one concatenation, ascending."""
    packed = bytes.fromhex(concatenated or "")
    # SQLite does not promise in which order it concatenates; the number comes first in a record.
    return sorted(packed[at : at + RECORD_BYTES] for at in range(0, len(packed), RECORD_BYTES))
