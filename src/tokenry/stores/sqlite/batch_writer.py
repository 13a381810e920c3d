"""Write a batch in one SQLite transaction: decide, claim, write (G-1, G-2, G-4).

The order within a batch is fixed, whatever the order of arrival: all decisions are made on what was
committed before, issuances first; then everything is written. No two pieces of a batch touch one
row, so this comes to the same as one after another.
"""

import sqlite3

from tokenry.ports.surroundings import Clock
from tokenry.stores.group_commit import Batch, BatchAborted, OutcomeUnknown
from tokenry.stores.sqlite.deciding import decide
from tokenry.stores.sqlite.faults import failure_of, is_fault_of_work
from tokenry.stores.sqlite.open_batch import OpenBatch
from tokenry.stores.sqlite.purging import purge
from tokenry.stores.sqlite.writing import write_standing
from tokenry.stores.work import (
    Answer,
    CreateIssuer,
    Errand,
    PurgeRows,
    Tick,
    Work,
)
from tokenry.vocabulary.instant import Instant


class SqliteBatchWriter:
    """The one connection that writes. A `BatchWriter` that never waits."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def apply(self, batch: Batch) -> list[Answer]:
        """Write the batch in an open transaction; nothing remains of it if this raises."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("UPDATE whole SET last_batch = ?", (batch.id,))
            return self._write(batch.work)
        except sqlite3.Error as error:
            self._roll_back()
            if is_fault_of_work(error):
                raise BatchAborted(failure_of(error)) from error
            raise failure_of(error) from error
        except BaseException:
            self._roll_back()
            raise

    async def commit(self, batch: Batch) -> None:
        """Commit: the write-ahead log is on the disk when this returns (synchronous=FULL)."""
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise OutcomeUnknown(failure_of(error)) from error

    async def was_committed(self, batch: Batch) -> bool:
        """Look for the batch's id. No other process writes, so looking is enough."""
        try:
            self._roll_back()
            row = self._connection.execute("SELECT last_batch FROM whole").fetchone()
        except sqlite3.Error as error:
            raise failure_of(error) from error
        found: bytes = row[0]
        return found == batch.id

    def _roll_back(self) -> None:
        # Not open any more where SQLite rolled back by itself (full disk, I/O error).
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _write(self, work: tuple[Work, ...]) -> list[Answer]:
        batch = OpenBatch(self._connection, self._clock)
        answers: list[Answer] = [None] * len(work)
        errands: list[tuple[int, Errand]] = []
        for index, piece in enumerate(work):
            if isinstance(piece, CreateIssuer):
                batch.create_issuer(piece.issuer)
            elif isinstance(piece, Errand):
                errands.append((index, piece))
        for standing in decide(batch, work, answers):
            answers[standing.index] = write_standing(batch, standing)
        for index, errand in errands:
            answers[index] = self._run(batch, errand)
        batch.flush()
        return answers

    def _run(self, batch: OpenBatch, errand: Errand) -> Answer:
        match errand:
            case PurgeRows(limit):
                return purge(batch, limit)
            case Tick():
                return self._tick()
            case CreateIssuer():
                return None

    def _tick(self) -> Instant:
        rows = self._connection.execute(
            "UPDATE whole SET tick = max(tick, ?) RETURNING tick", (self._clock.now(),)
        ).fetchall()
        tick: Instant = rows[0][0]
        return tick
