"""Reading back what was written: audit entries and revocation records, with a bounded wait (R-60).

A reader that has seen everything may wait for more, so that following needs no busy polling.
Waiting is bounded in time and in the number of those who wait (G-8).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from tokenry.audit.entry import AuditEntry, decode_entry
from tokenry.ports.store import FeedPage, Head, RecordsGone, Store
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.errors import InvalidRequest, Overloaded
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Seconds
from tokenry.vocabulary.sequence import SequenceNumber

MAX_WAIT: Final = Seconds(30)
MAX_WAITING: Final = 64
MAX_PAGE: Final = 500
NO_WAIT: Final = Seconds(0)
_POLL: Final = 0.2
_RETRY_AFTER: Final = 5

P = TypeVar("P")


class ReadEntry(msgspec.Struct, frozen=True):
    """An audit entry with its row id, and its Merkle leaf index once sealed."""

    id: int
    leaf: int | None
    entry: AuditEntry


class AheadOfStore(InvalidRequest):
    """A number above everything written: it is of another database, or of a later state."""

    code = "conflict"
    status = 409
    default_description = "This number lies above the head: it comes from another state."


class RecordsNotKept(InvalidRequest):
    """Records after that number have run out."""

    code = "gone"
    status = 410
    default_description = "Records after this number are no longer all kept; leave `after` out."


class Evidence:
    """Reads for one issuer. All verbs raise StoreUnavailable, waiting ones Overloaded too."""

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        store: Store,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._clock = clock
        self._pause = pause
        self._waiting = 0
        self._closed = False

    def end_waits(self) -> None:
        """Let everybody who waits get what there is now: the authority is stopping."""
        self._closed = True

    async def head(self) -> Head:
        """Return the issuer's head."""
        return await self._store.head(self._issuer)

    async def last_audit_id(self) -> int:
        """Return the id of the newest entry, 0 without any."""
        return await self._store.last_audit_id(self._issuer)

    async def audit(
        self, *, after: int, limit: int, wait: Seconds = NO_WAIT
    ) -> tuple[ReadEntry, ...]:
        """Return entries with an id above `after`, waiting up to `wait` seconds for the first."""

        async def read() -> tuple[ReadEntry, ...]:
            stored = await self._store.audit_entries(
                self._issuer, after=after, limit=max(1, min(limit, MAX_PAGE))
            )
            return tuple(ReadEntry(row.id, row.leaf, decode_entry(row.entry)) for row in stored)

        return await self._until(read, bool, wait)

    async def records(
        self, *, after: SequenceNumber | None, limit: int, wait: Seconds = NO_WAIT
    ) -> FeedPage:
        """Return records after a number, waiting up to `wait` seconds for the first.

        `after` None: after the head, as of now. Raises RecordsNotKept, AheadOfStore.
        """
        start = (await self.head()).seq if after is None else after

        async def read() -> FeedPage:
            try:
                page = await self._store.feed_page(
                    self._issuer, after=start, limit=max(1, min(limit, MAX_PAGE))
                )
            except ValueError as above:
                raise AheadOfStore(because=str(above)) from None
            if isinstance(page, RecordsGone):
                raise RecordsNotKept(because=f"records after {start} are not kept")
            return page

        return await self._until(read, lambda page: bool(page.records), wait)

    async def _until(
        self, read: Callable[[], Awaitable[P]], has_any: Callable[[P], bool], wait: Seconds
    ) -> P:
        page = await read()
        if has_any(page) or wait <= 0:
            return page
        if self._waiting >= MAX_WAITING:
            raise Overloaded("the room of those who wait for news", retry_after=_RETRY_AFTER)
        self._waiting += 1
        try:
            end = self._clock.boottime() + min(wait, MAX_WAIT)
            while not has_any(page) and not self._closed and self._clock.boottime() < end:
                await self._pause(_POLL)
                page = await read()
        finally:
            self._waiting -= 1
        return page
