"""A batch being written: its heads, the floors it needs, and rows that wait to be inserted.

Rows are gathered and inserted together at the end, one statement for many, the heads last.
"""

import json
import sqlite3
from typing import Any, Final

import msgspec

from tokenry.audit.entry import AuditEntry, encode_entry
from tokenry.feed.record import ChainValue, first_chain_value
from tokenry.ports.plans import Idempotency, ReferenceToken, Revoked
from tokenry.ports.surroundings import Clock
from tokenry.stores.numbering import NumberedRecord
from tokenry.stores.sqlite.audit_rows import first_row
from tokenry.stores.sqlite.row_insert import RowInsert
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import FIRST_EPOCH, FIRST_HEAD, SequenceNumber

_LARGEST_LOOK_UP: Final = 512
_FLOORS_OF: Final = "SELECT selector, before FROM floor WHERE issuer = ? AND selector IN"

_AUDIT = RowInsert("audit (id, entry)", columns=2)
_RECORD = RowInsert("record (issuer, seq, body, chain, expires)", columns=5)
_REFERENCE = RowInsert(
    "reference_token (issuer, digest, claims, selectors, rsn, expires)", columns=6
)
_FLOOR = RowInsert(
    "floor (issuer, selector, before, until)",
    columns=4,
    then="ON CONFLICT (issuer, selector) DO UPDATE"
    " SET before = max(before, excluded.before), until = max(until, excluded.until)",
)
_IDEMPOTENCY = RowInsert(
    "idempotency_key (issuer, caller, key, request_digest, numbers, fresh, until)", columns=7
)


class HeadRow(msgspec.Struct):
    """An issuer's head within the batch; `last_audit` is the row of its newest entry."""

    id: int
    issuer: IssuerUrl
    seq: SequenceNumber
    chain: ChainValue
    directory: int
    profiles: int
    last_audit: int
    has_moved: bool = False


class OpenBatch:
    """The open transaction of one batch."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self.connection = connection
        self._clock = clock
        self._now: Instant | None = None
        self._heads: dict[IssuerUrl, HeadRow] = {}
        self._floors_read: dict[int, dict[Selector, SequenceNumber]] = {}
        self._audit: list[Any] = []
        self._records: list[Any] = []
        self._floors: list[Any] = []
        self._references: list[Any] = []
        self._idempotency: list[Any] = []

    def now(self) -> Instant:
        """Return the later of the clock and the newest tick, read once, within the transaction."""
        if self._now is None:
            row = self.connection.execute("SELECT tick FROM whole").fetchone()
            self._now = max(self._clock.now(), Instant(row[0]))
        return self._now

    def create_issuer(self, issuer: IssuerUrl) -> None:
        """Make the head row of an issuer that has none."""
        chain = first_chain_value(issuer, FIRST_EPOCH)
        self.connection.execute(
            "INSERT INTO head (issuer, seq, chain, directory, profiles, kept_after, kept_chain)"
            " VALUES (?, ?, ?, 0, 0, ?, ?) ON CONFLICT (issuer) DO NOTHING",
            (issuer, FIRST_HEAD, chain, FIRST_HEAD, chain),
        )

    def head(self, issuer: IssuerUrl) -> HeadRow:
        """Return the head, read once per batch. Raises LookupError for an unknown issuer."""
        head = self._heads.get(issuer)
        if head is None:
            row = self.connection.execute(
                "SELECT id, seq, chain, directory, profiles,"
                " (SELECT max(audit.id) FROM audit"
                "   WHERE audit.id >= head.id << 40 AND audit.id < (head.id + 1) << 40)"
                " FROM head WHERE issuer = ?",
                (issuer,),
            ).fetchone()
            if row is None:
                raise LookupError(f"no issuer {issuer}: create it first")
            issuer_id, seq, chain, directory, profiles, last_audit = row
            head = HeadRow(
                id=issuer_id,
                issuer=issuer,
                seq=seq,
                chain=chain,
                directory=directory,
                profiles=profiles,
                last_audit=last_audit or first_row(issuer_id),
            )
            self._heads[issuer] = head
        return head

    def floors(self, issuer_id: int) -> dict[Selector, SequenceNumber]:
        """Return the standing floors that were read, by selector; none for those without one."""
        return self._floors_read.get(issuer_id, {})

    def read_floors(self, issuer_id: int, selectors: set[Selector]) -> None:
        """Read the standing floors of selectors, for `floors`."""
        wanted = list(selectors)
        found = self._floors_read.setdefault(issuer_id, {})
        for start in range(0, len(wanted), _LARGEST_LOOK_UP):
            some = wanted[start : start + _LARGEST_LOOK_UP]
            # Filled up to a power of two by repetition: few different statements stay prepared.
            size = 1 << (len(some) - 1).bit_length()
            some += some[-1:] * (size - len(some))
            rows = self.connection.execute(
                f"{_FLOORS_OF} ({', '.join('?' * size)})", (issuer_id, *some)
            ).fetchall()
            found.update(rows)

    def add_audit(self, head: HeadRow, *entries: AuditEntry) -> None:
        """Append audit entries, not sealed yet."""
        for entry in entries:
            head.last_audit += 1
            self._audit += (head.last_audit, encode_entry(entry))

    def add_record(self, head: HeadRow, numbered: NumberedRecord) -> None:
        """Append a revocation record with the floor that stands for it; the head is moved apart."""
        record, revocation = numbered.record, numbered.revocation
        body = record.to_bytes()
        self._records += (head.id, record.seq, body, numbered.chain, record.expires)
        self._floors += (head.id, record.selector, record.before, revocation.floor_until)

    def add_reference(self, head: HeadRow, token: ReferenceToken) -> None:
        """Store an opaque token."""
        selectors = b"".join(sorted(token.selectors))
        self._references += (
            *(head.id, token.digest, token.claims),
            *(selectors, token.rsn, token.expires),
        )

    def add_idempotency(self, head: HeadRow, asked: Idempotency, answer: Revoked) -> None:
        """Remember what was answered under an Idempotency-Key."""
        self._idempotency += (
            *(head.id, asked.caller, asked.key, asked.request_digest),
            *(json.dumps(answer.numbers), answer.fresh, asked.until),
        )

    def flush(self) -> None:
        """Insert what was gathered, and write the heads that moved, last."""
        for insert, values in (
            (_IDEMPOTENCY, self._idempotency),
            (_FLOOR, self._floors),
            (_RECORD, self._records),
            (_REFERENCE, self._references),
            (_AUDIT, self._audit),
        ):
            if values:
                insert.run(self.connection, values)
        for head in self._heads.values():
            if head.has_moved:
                self.connection.execute(
                    "UPDATE head SET seq = ?, chain = ?, directory = ?, profiles = ? WHERE id = ?",
                    (head.seq, head.chain, head.directory, head.profiles, head.id),
                )
