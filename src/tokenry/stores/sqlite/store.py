"""The `Store` port over a writer thread and readers."""

import asyncio
import sqlite3
import threading
from typing import Final

from tokenry.audit.entry import AuditEntry
from tokenry.ports.plans import (
    ChangeOutcome,
    ChangePlan,
    IssueOutcome,
    IssuePlan,
    RecordOutcome,
    ReferenceToken,
    ReplayClaim,
    RevokeOutcome,
    RevokePlan,
)
from tokenry.ports.store import (
    FeedPage,
    Head,
    LiveRecords,
    Purged,
    RecordsGone,
    Sighted,
    StoredAuditEntry,
)
from tokenry.protocol.registry import Client, Directory
from tokenry.protocol.signing_key import SigningKey
from tokenry.stores.group_commit import BatchWriter
from tokenry.stores.sqlite.directory_lock import DirectoryLock
from tokenry.stores.sqlite.feed_reads import read_head, read_live_records, read_page
from tokenry.stores.sqlite.reader import Reader, ReaderPool
from tokenry.stores.sqlite.registry_reads import (
    read_audit_entries,
    read_client,
    read_clients,
    read_directory,
    read_is_revoked,
    read_last_audit_id,
    read_reference,
    read_signing_keys,
)
from tokenry.stores.sqlite.writer_thread import WriterThread
from tokenry.stores.work import CreateIssuer, PurgeRows, RecordEntries, Tick
from tokenry.vocabulary.identifiers import ClientId, Entropy, IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber

CLOSED: Final = "the store is closed"

_SMALL_PAGE: Final = 64
"""Records that are read on the caller's thread; a publisher that keeps up never reads more."""


class SqliteStore:
    """A `Store` in one file; see `open_sqlite_store`. Safe for any number of loops and threads.

    Point reads run on the caller's thread, since they take less time than handing them over would;
    everything else runs in threads of its own.
    """

    def __init__(
        self,
        *,
        writer: BatchWriter,
        connection: sqlite3.Connection,
        reader: Reader,
        pool: ReaderPool,
        lock: DirectoryLock,
        entropy: Entropy,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._pool = pool
        self._lock = lock
        self._thread = WriterThread(writer, entropy)
        self._waiting = self._thread.waiting
        self._end = threading.Lock()
        self._has_ended = False

    @property
    def waiting_plans(self) -> int:
        """How many plans wait for a commit, those being committed just now included."""
        return len(self._waiting)

    def admit(self) -> None:
        """Raise Overloaded if no further plan would be taken now."""
        self._waiting.admit()

    async def create_issuer(self, issuer: IssuerUrl) -> None:
        """Make the issuer's head row if there is none."""
        await self._waiting.submit(CreateIssuer(issuer))

    async def issue(self, plan: IssuePlan) -> IssueOutcome:
        """Claim, write and audit an issuance, or say who won."""
        return await self._waiting.submit(plan)

    async def revoke(self, plan: RevokePlan) -> RevokeOutcome:
        """Revoke, with the changes that belong to it."""
        return await self._waiting.submit(plan)

    async def change(self, plan: ChangePlan) -> ChangeOutcome:
        """Apply all changes or none."""
        return await self._waiting.submit(plan)

    async def record(
        self, entries: tuple[AuditEntry, ...], *, claim: ReplayClaim | None = None
    ) -> RecordOutcome:
        """Commit audit entries that stand for themselves."""
        return await self._waiting.submit(RecordEntries(entries, claim))

    async def tick(self) -> Instant:
        """Commit this machine's clock: it is the database's."""
        return await self._waiting.submit(Tick())

    async def purge(self, *, limit: int) -> Purged:
        """Remove what the newest tick has outlived."""
        return await self._waiting.submit(PurgeRows(limit))

    async def head(self, issuer: IssuerUrl) -> Head:
        """Read the head row."""
        return read_head(self._reader, issuer)

    async def feed_page(
        self, issuer: IssuerUrl, *, after: SequenceNumber, limit: int
    ) -> FeedPage | RecordsGone:
        """Read records after a number; in a thread when they are many."""
        behind = read_head(self._reader, issuer).seq - after
        if min(behind, limit) <= _SMALL_PAGE:
            return read_page(self._reader, issuer, after, limit)
        return await self._pool.run(lambda reader: read_page(reader, issuer, after, limit))

    async def live_records(self, issuer: IssuerUrl) -> LiveRecords:
        """Read all live records, in a thread."""
        return await self._pool.run(lambda reader: read_live_records(reader, issuer))

    async def is_revoked(
        self, issuer: IssuerUrl, *, selectors: frozenset[Selector], rsn: SequenceNumber
    ) -> bool:
        """Say whether a floor above `rsn` stands on any of the selectors."""
        return read_is_revoked(self._reader, issuer, selectors, rsn)

    async def find_client(self, issuer: IssuerUrl, client_id: ClientId) -> Sighted[Client | None]:
        """Read one client."""
        return read_client(self._reader, issuer, client_id)

    async def list_clients(
        self, issuer: IssuerUrl, *, after: ClientId | None, limit: int
    ) -> tuple[Client, ...]:
        """Read a page of clients, in a thread."""
        return await self._pool.run(lambda reader: read_clients(reader, issuer, after, limit))

    async def directory(self, issuer: IssuerUrl) -> Sighted[Directory]:
        """Read everything but clients."""
        return read_directory(self._reader, issuer)

    async def signing_keys(self, issuer: IssuerUrl) -> tuple[SigningKey, ...]:
        """Read all keys."""
        return read_signing_keys(self._reader, issuer)

    async def find_reference(
        self, issuer: IssuerUrl, digest: bytes
    ) -> Sighted[ReferenceToken | None]:
        """Read an opaque token."""
        return read_reference(self._reader, issuer, digest)

    async def audit_entries(
        self, issuer: IssuerUrl, *, after: int, limit: int
    ) -> tuple[StoredAuditEntry, ...]:
        """Read a page of audit entries, in a thread."""
        return await self._pool.run(lambda reader: read_audit_entries(reader, issuer, after, limit))

    async def last_audit_id(self, issuer: IssuerUrl) -> int:
        """Read the highest row id of an issuer's audit entries."""
        return read_last_audit_id(self._reader, issuer)

    async def close(self) -> None:
        """Commit what waits, then release the database and the directory. May be repeated."""
        self._waiting.close(CLOSED)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._end:
            if self._has_ended:
                return
            self._has_ended = True
            self._thread.join()
            self._pool.close()
            self._reader.close()
            # Last: SQLite folds the write-ahead log into the database with the last connection.
            self._connection.close()
            self._lock.release()
