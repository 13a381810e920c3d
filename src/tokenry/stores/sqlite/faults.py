"""What SQLite's errors mean to those above (G-4)."""

import sqlite3

from tokenry.vocabulary.errors import StoreFull, StoreUnavailable

_PRIMARY_CODE = 0xFF
# The faults of one piece of work, not of the database: values it cannot hold, broken constraints.
_FAULTS_OF_WORK = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_RANGE,
    }
)


def _primary_code(error: sqlite3.Error) -> int | None:
    # Absent on errors that the Python module itself raises, such as on a closed connection.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY_CODE


def is_fault_of_work(error: sqlite3.Error) -> bool:
    """Say whether another piece of work could succeed where this one failed."""
    code = _primary_code(error)
    if code is None:  # raised by the Python module before SQLite saw it: a value it cannot bind
        return isinstance(error, sqlite3.InterfaceError | sqlite3.ProgrammingError)
    return code in _FAULTS_OF_WORK


def failure_of(error: sqlite3.Error) -> StoreUnavailable:
    """Return the failure to raise, with SQLite's own words in it."""
    if _primary_code(error) == sqlite3.SQLITE_FULL:
        return StoreFull(
            f"the disk of the data directory is full ({error}): nothing was written;"
            " free space and the authority goes on by itself"
        )
    return StoreUnavailable(f"SQLite failed: {error}")
