"""The store on SQLite: one process, one file, every answer durable before it leaves (G-4).

One thread owns the writing connection and commits whatever waits as one transaction
(`writer_thread`, `batch_writer`); point reads run on the caller's thread on a second connection,
bulk reads in threads of their own (`reader`, `reads`, `feed_reads`). `opening` takes the directory,
exclusively, and brings its schema up to date. Not for several processes: that is PostgreSQL's part.
"""

from tokenry.stores.sqlite.directory_lock import StoreInUse
from tokenry.stores.sqlite.opening import open_sqlite_store
from tokenry.stores.sqlite.schema import DatabaseTooNew
from tokenry.stores.sqlite.store import SqliteStore

__all__ = ["DatabaseTooNew", "SqliteStore", "StoreInUse", "open_sqlite_store"]
