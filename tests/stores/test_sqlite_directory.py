"""Opening a data directory: one process, our file, our version; clear words for everything else."""

import asyncio
import os
import sqlite3
import stat
import sys

import pytest

from contracts.store_plans import ISSUER, issuance, traces
from support.requirement import requirement
from tokenry.stores.sqlite import DatabaseTooNew, StoreInUse, open_sqlite_store
from tokenry.stores.sqlite.opening import DATABASE_FILE, require_recent_sqlite
from tokenry.stores.sqlite.schema import Migration, known_migrations, migrate
from tokenry.vocabulary.errors import StoreUnavailable

HOLD = """
import sys
from pathlib import Path
from tokenry.stores.sqlite.directory_lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def open_store(clock):
    return lambda directory: open_sqlite_store(directory, clock=clock, entropy=os.urandom)


@requirement("G-4")
async def test_a_second_store_on_a_directory_is_told_who_has_it(open_store, tmp_path):
    first = open_store(tmp_path)
    with pytest.raises(StoreInUse) as error:
        open_store(tmp_path)
    for word in (str(tmp_path), f"process {os.getpid()}", "--data"):
        assert word in str(error.value)
    await first.close()
    await open_store(tmp_path).close()


async def test_another_process_keeps_the_directory_until_it_ends(open_store, tmp_path):
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(tmp_path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreInUse, match=f"process {holder.pid}:"):
        open_store(tmp_path)
    holder.kill()
    await holder.wait()
    holder.stdin.close()
    await open_store(tmp_path).close()


async def test_a_store_that_could_not_be_opened_gives_the_directory_free(open_store, tmp_path):
    (tmp_path / DATABASE_FILE).write_bytes(b"not a database" * 100)
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as error:
            open_store(tmp_path)
        assert not isinstance(error.value, StoreInUse)
        assert DATABASE_FILE in str(error.value)


async def test_nobody_else_can_read_what_is_stored(open_store, tmp_path):
    directory = tmp_path / "new" / "data"
    store = open_store(directory)
    await store.create_issuer(ISSUER)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert f"{DATABASE_FILE}-wal" in modes
    assert set(modes.values()) == {0o600}
    await store.close()


def test_a_directory_that_cannot_be_made_is_named(open_store, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="file/data"):
        open_store(tmp_path / "file" / "data")


async def test_what_was_written_is_there_after_reopening(open_store, tmp_path):
    first = open_store(tmp_path)
    await first.create_issuer(ISSUER)
    await first.issue(issuance("t1"))
    await first.close()
    second = open_store(tmp_path)
    assert await traces(second) == ["t1"]
    await second.close()


@requirement("G-4")
async def test_commits_are_synchronized_to_the_disk(open_store, tmp_path):
    store = open_store(tmp_path)
    full = 2
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (full,)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await store.close()


@requirement("R-70")
async def test_a_database_of_a_later_version_is_left_alone(open_store, tmp_path):
    await open_store(tmp_path).close()
    path = tmp_path / DATABASE_FILE
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 900")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew) as error:
        open_store(tmp_path)
    for word in (str(path), "900", str(len(known_migrations())), "newer Tokenry"):
        assert word in str(error.value)
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_left_alone(open_store, tmp_path):
    path = tmp_path / DATABASE_FILE
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreUnavailable, match="another program"):
        open_store(tmp_path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    connection.close()


def test_an_old_sqlite_is_named_with_what_is_needed():
    require_recent_sqlite((3, 35, 0))
    with pytest.raises(StoreUnavailable, match=r"3\.34\.1.*3\.35\.0"):
        require_recent_sqlite((3, 34, 1))


FIRST = Migration(1, "0001_a.sql", "CREATE TABLE a (x);")
SECOND = Migration(2, "0002_b.sql", "CREATE TABLE b (x); INSERT INTO b VALUES (1);")
BROKEN = Migration(2, "0002_b.sql", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);")


@pytest.fixture
def connection(tmp_path):
    opened = sqlite3.connect(tmp_path / "some.db", isolation_level=None)
    yield opened
    opened.close()


def run(connection, *migrations, dry_run=False):
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    return migrate(connection, path=path, migrations=migrations, dry_run=dry_run)


def tables(connection):
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]


def test_each_migration_runs_once(connection):
    assert run(connection, FIRST) == ("0001_a.sql",)
    assert run(connection, FIRST, SECOND) == ("0002_b.sql",)
    assert run(connection, FIRST, SECOND) == ()
    assert tables(connection) == ["a", "b"]
    assert connection.execute("SELECT * FROM b").fetchall() == [(1,)]


def test_a_dry_run_only_says_what_is_needed(connection):
    assert run(connection, FIRST, SECOND, dry_run=True) == ("0001_a.sql", "0002_b.sql")
    assert tables(connection) == []
    assert run(connection, FIRST, SECOND) == ("0001_a.sql", "0002_b.sql")


def test_a_migration_that_fails_leaves_the_database_as_it_was_before_it(connection):
    with pytest.raises(StoreUnavailable, match=r"0002_b\.sql failed"):
        run(connection, FIRST, BROKEN)
    assert tables(connection) == ["a"]
    assert run(connection, FIRST, SECOND) == ("0002_b.sql",)
