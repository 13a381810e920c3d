"""Insert any number of rows in few statements.

Every step of a statement gives up the interpreter's lock and takes it again, and while an event
loop is busy on another thread each of these can wait for it. One statement for 64 rows waits once;
`executemany` waits 64 times.
"""

import sqlite3
from typing import Any, Final

_SIZES: Final = (128, 64, 32, 16, 8, 4, 2, 1)
"""Statements come in these sizes only, so that the connection keeps all of them prepared."""


class RowInsert:
    """An INSERT into a table, with what follows the values (conflicts, RETURNING)."""

    def __init__(self, into: str, *, columns: int, then: str = "") -> None:
        row = f"({', '.join('?' * columns)})"
        self._columns = columns
        self._statements = tuple(
            # Only constants of this package are put together here, never values.
            (size, f"INSERT INTO {into} VALUES {', '.join([row] * size)} {then}")  # noqa: S608
            for size in _SIZES
        )

    def run(self, connection: sqlite3.Connection, values: list[Any]) -> list[tuple[Any, ...]]:
        """Insert rows given as one flat list of values; return what RETURNING returned."""
        returned: list[tuple[Any, ...]] = []
        start = 0
        for size, statement in self._statements:
            width = size * self._columns
            while len(values) - start >= width:
                cursor = connection.execute(statement, values[start : start + width])
                returned += cursor.fetchall()
                start += width
        return returned
