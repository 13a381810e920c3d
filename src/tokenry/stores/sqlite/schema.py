"""Numbered migrations: plain SQL files, forward only, each in a transaction of its own.

The file's number is the schema version that it brings the database to; `PRAGMA user_version` holds
the version reached. The caller holds the directory's lock, so no two processes migrate at once.
"""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from tokenry.stores.sqlite.faults import failure_of
from tokenry.vocabulary.errors import StoreUnavailable

APPLICATION_ID: Final = 0x546B4E79
"""In every database of ours, so that another program's file is never migrated by mistake."""


class DatabaseTooNew(StoreUnavailable):
    """The database was written by a later version."""


class Migration(NamedTuple):
    """One step: the schema version it leads to, its file name, its SQL."""

    version: int
    name: str
    sql: str


def known_migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version of Tokenry, ascending, numbered from 1 without gaps."""
    files = sorted(
        (file for file in _folder().iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    migrations = tuple(
        Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files
    )
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise AssertionError(f"migrations are not numbered from 1 without gaps: {migrations}")
    return migrations


def _folder() -> resources.abc.Traversable:
    return resources.files("tokenry.stores.sqlite") / "migrations"


def migrate(
    connection: sqlite3.Connection,
    *,
    path: Path,
    migrations: tuple[Migration, ...],
    dry_run: bool = False,
) -> tuple[str, ...]:
    """Bring the database up to date; return the names of the migrations it needed.

    With `dry_run` they are only named. Raises DatabaseTooNew for a database beyond `migrations`,
    StoreUnavailable for one of another program or if a migration fails: then the database is as
    it was before that one.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise DatabaseTooNew(
            f"{path} has schema version {version}, this Tokenry knows versions up to"
            f" {len(migrations)}: it was written by a newer Tokenry. Install that version or a"
            " later one; going back is not possible."
        )
    _require_ours(connection, path, version)
    needed = migrations[version:]
    if not dry_run:
        for migration in needed:
            _run(connection, path, migration)
    return tuple(migration.name for migration in needed)


def _require_ours(connection: sqlite3.Connection, path: Path, version: int) -> None:
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    if application == APPLICATION_ID or (is_empty and version == 0 and application == 0):
        return
    raise StoreUnavailable(f"{path} is the database of another program: choose another directory")


def _run(connection: sqlite3.Connection, path: Path, migration: Migration) -> None:
    script = (
        f"BEGIN EXCLUSIVE;\n{migration.sql}\n"
        f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {migration.version};\n"
        "COMMIT;"
    )
    try:
        connection.executescript(script)
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        failure = failure_of(error)
        raise type(failure)(f"{path}: migration {migration.name} failed: {failure}") from error
