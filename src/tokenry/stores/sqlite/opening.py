"""Open a data directory: lock it, check the library, bring the schema up to date."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tokenry.ports.surroundings import Clock
from tokenry.stores.group_commit import BatchWriter
from tokenry.stores.sqlite.batch_writer import SqliteBatchWriter
from tokenry.stores.sqlite.directory_lock import DirectoryLock
from tokenry.stores.sqlite.faults import failure_of
from tokenry.stores.sqlite.reader import Reader, ReaderPool
from tokenry.stores.sqlite.schema import known_migrations, migrate
from tokenry.stores.sqlite.store import SqliteStore
from tokenry.vocabulary.errors import StoreUnavailable
from tokenry.vocabulary.identifiers import Entropy

DATABASE_FILE: Final = "tokenry.db"
OLDEST_SQLITE: Final = (3, 35, 0)
"""The first with RETURNING."""

_STATEMENTS_KEPT: Final = 256
"""Prepared statements per connection: every size of every multi-row INSERT fits."""
_FOR_ALL: Final = ("PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -16384")
# FULL: the WAL is synchronized at each commit, so what was answered survives a power cut (G-4).
_FOR_WRITING: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA journal_size_limit = 67108864",
)
_FOR_READING: Final = ("PRAGMA query_only = ON",)


def open_sqlite_store(
    directory: Path,
    *,
    clock: Clock,
    entropy: Entropy,
    through: Callable[[BatchWriter], BatchWriter] | None = None,
) -> SqliteStore:
    """Open the store in a directory, which is made if it is missing; close it when done.

    `through` may wrap the writer, so that tests can make it fail at will. Raises StoreInUse when
    another process has the directory, DatabaseTooNew for a database of a later version, StoreFull
    or StoreUnavailable when it cannot be opened.
    """
    require_recent_sqlite(sqlite3.sqlite_version_info)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"cannot make {directory}: {error.strerror}") from error
    lock = DirectoryLock(directory)
    opened: list[sqlite3.Connection] = []
    path = directory / DATABASE_FILE
    try:
        connection = _open_writing(path, opened)
        migrate(connection, path=path, migrations=known_migrations())
        pool = ReaderPool(lambda: _open(path, _FOR_READING, []))
        reader = Reader(_open(path, _FOR_READING, opened))
    except sqlite3.Error as error:
        _close(opened, lock)
        failure = failure_of(error)
        raise type(failure)(f"{path}: {failure}") from error
    except BaseException:
        _close(opened, lock)
        raise
    writer: BatchWriter = SqliteBatchWriter(connection, clock)
    return SqliteStore(
        writer=writer if through is None else through(writer),
        connection=connection,
        reader=reader,
        pool=pool,
        lock=lock,
        entropy=entropy,
    )


def require_recent_sqlite(version: tuple[int, ...]) -> None:
    """Raise StoreUnavailable for a SQLite library that lacks what the store is built on."""
    if version < OLDEST_SQLITE:
        raise StoreUnavailable(
            f"this Python has SQLite {'.'.join(map(str, version))}, and Tokenry needs"
            f" {'.'.join(map(str, OLDEST_SQLITE))} or later: use a newer Python"
        )


def _open_writing(path: Path, opened: list[sqlite3.Connection]) -> sqlite3.Connection:
    try:
        # Made here so that nobody else can read it; the WAL gets the same permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"cannot open {path}: {error.strerror}") from error
    return _open(path, _FOR_WRITING, opened)


def _open(
    path: Path, pragmas: tuple[str, ...], opened: list[sqlite3.Connection]
) -> sqlite3.Connection:
    # Connections go from thread to thread, each used by one at a time.
    connection = sqlite3.connect(
        path, check_same_thread=False, isolation_level=None, cached_statements=_STATEMENTS_KEPT
    )
    opened.append(connection)
    for pragma in _FOR_ALL + pragmas:
        connection.execute(pragma)
    return connection


def _close(opened: list[sqlite3.Connection], lock: DirectoryLock) -> None:
    for connection in opened:
        connection.close()
    lock.release()
