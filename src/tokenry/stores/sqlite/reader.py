"""Connections that only read: one for point reads on the caller's thread, a few for bulk reads."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from tokenry.stores.sqlite.faults import failure_of
from tokenry.vocabulary.errors import StoreUnavailable

SqlValue = str | int | bytes | None
Rows = list[tuple[Any, ...]]
T = TypeVar("T")

BULK_READERS: Final = 2


class Snapshot:
    """An open read transaction: every statement sees the same state."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *parameters: SqlValue) -> Rows:
        """Return all rows of a statement."""
        return self._connection.execute(statement, parameters).fetchall()


class Reader:
    """A connection that reads, one caller at a time. Raises StoreUnavailable for any fault."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def rows(self, statement: str, *parameters: SqlValue) -> Rows:
        """Return all rows of a statement, which is a snapshot by itself."""
        try:
            with self._lock:
                return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise failure_of(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Read several statements in one snapshot."""
        try:
            with self._lock:
                self._connection.execute("BEGIN")
                try:
                    yield Snapshot(self._connection)
                finally:
                    self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise failure_of(error) from error

    def close(self) -> None:
        """Close the connection; later reads raise StoreUnavailable."""
        with self._lock:
            self._connection.close()


class ReaderPool:
    """Threads for reads that would hold up an event loop, each read with a reader of its own."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._threads = ThreadPoolExecutor(BULK_READERS, thread_name_prefix="tokenry-reader")
        self._idle: queue.SimpleQueue[Reader] = queue.SimpleQueue()

    async def run(self, read: Callable[[Reader], T]) -> T:
        """Run a read in a thread. Raises StoreUnavailable for any fault, and once closed."""
        loop = asyncio.get_running_loop()
        try:
            running = loop.run_in_executor(self._threads, self._with_reader, read)
        except RuntimeError as error:  # the threads have been shut down
            raise StoreUnavailable("the store is closed") from error
        return await running

    def _with_reader(self, read: Callable[[Reader], T]) -> T:
        # At most as many as threads: each takes an idle one, and puts it back.
        try:
            reader = self._idle.get_nowait()
        except queue.Empty:
            try:
                reader = Reader(self._connect())
            except sqlite3.Error as error:
                raise failure_of(error) from error
        try:
            return read(reader)
        finally:
            self._idle.put(reader)

    def close(self) -> None:
        """Wait for the reads under way, then close their connections."""
        self._threads.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get_nowait().close()
