"""What a node remembers of an issuer's clients and directory, and since which number it holds.

`rsn` of a token is the lowest number at which any of its inputs was read, each input read *after*
the head was (G-1). Remembered facts keep that exact without being read again: the publisher's pages
carry every record in order, and a fact that no record has named since it was read may be said to
have been read at the newest head seen. A fact that was named, or whose directory version has
passed, is forgotten.

Numbers here are never too high, which is what safety needs. Too low only costs a second look: the
issuing transaction tests floors and directory version and answers `FactsMoved`.
"""

from typing import Final, TypeVar

from tokenry.ports.store import FeedPage, Sighted, Store
from tokenry.ports.surroundings import Clock
from tokenry.protocol.directory_index import DirectoryIndex, index_directory
from tokenry.protocol.registry import Client
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl
from tokenry.vocabulary.instant import Seconds
from tokenry.vocabulary.selectors import Selector, SelectorKind, selector
from tokenry.vocabulary.sequence import SequenceNumber

T = TypeVar("T")

MAX_UNOBSERVED: Final = Seconds(10)
"""Without a page for so long nothing remembered is used: a publisher that stands still must not
keep an old view alive. Floors are kept longer than this."""
MAX_CLIENTS: Final = 10_000
MAX_UNKNOWN_CLIENTS: Final = 1_000
"""Remembered apart, so that guessing ids pushes out no real client."""


class _Known:
    """A fact with the selectors whose records would make it old."""

    __slots__ = ("selectors", "sighted")

    def __init__(self, sighted: Sighted[Client | None], selectors: tuple[Selector, ...]) -> None:
        self.sighted = sighted
        self.selectors = selectors


class IssuerFacts:
    """The facts about one issuer on this node. Not for use by several threads."""

    def __init__(
        self, *, issuer: IssuerUrl, store: Store, clock: Clock, max_clients: int = MAX_CLIENTS
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._clock = clock
        self._max_clients = max_clients
        self._issuer_selector = selector(issuer, SelectorKind.ISSUER, issuer)
        # Every record up to `_head` has been held against everything remembered; None: none yet.
        self._head: SequenceNumber | None = None
        self._directory_version = -1
        self._observed_at = 0.0
        self._generation = 0
        self._clients: dict[ClientId, _Known] = {}
        self._unknown_clients: dict[ClientId, _Known] = {}
        self._client_of: dict[Selector, ClientId] = {}
        self._directory: Sighted[DirectoryIndex] | None = None
        self._directory_selectors: frozenset[Selector] = frozenset()

    async def client(self, client_id: ClientId) -> Sighted[Client | None]:
        """Return a client, or None for an unknown one. Raises StoreUnavailable."""
        if self._may_remember():
            known = self._clients.get(client_id) or self._unknown_clients.get(client_id)
            if known is not None:
                return self._as_of_now(known.sighted)
        generation = self._generation
        sighted = await self._store.find_client(self._issuer, client_id)
        self._adopt(sighted.directory)
        if self._may_keep(sighted, generation):
            self._keep_client(client_id, sighted)
        return sighted

    async def directory(self) -> Sighted[DirectoryIndex]:
        """Return everything but clients, arranged for look-ups. Raises StoreUnavailable."""
        if self._directory is not None and self._may_remember():
            return self._as_of_now(self._directory)
        generation = self._generation
        read = await self._store.directory(self._issuer)
        sighted = Sighted(index_directory(read.value), read.rsn, read.directory)
        self._adopt(sighted.directory)
        if self._may_keep(sighted, generation):
            self._directory = sighted
            self._directory_selectors = frozenset(
                selector(self._issuer, SelectorKind.AUDIENCE, audience)
                for audience in sighted.value.by_audience
            )
        return sighted

    @property
    def version(self) -> int:
        """The directory version of everything remembered: note it before deciding."""
        return self._directory_version

    async def are_current(self, version: int) -> bool:
        """Say whether what was decided on since `version` was noted is what the store has now.

        Asked before a refusal: a client added or changed a moment ago on another node must not be
        refused from memory. Costs one row. Raises StoreUnavailable.
        """
        head = await self._store.head(self._issuer)
        return head.directory == version

    def observe(self, page: FeedPage) -> None:
        """Hold every record of a page that the publisher has read against what is remembered."""
        records = page.records
        first, last = (records[0].seq - 1, records[-1].seq) if records else (page.head.seq,) * 2
        if self._head is not None and last < self._head:
            return
        self._observed_at = self._clock.boottime()
        if self._head is None or first > self._head:
            # What lies between was never seen.
            self._drop_all()
        else:
            for record in records:
                if record.seq > self._head:
                    self._drop_named(record.selector, record.seq)
        self._head = SequenceNumber(last)
        self._adopt(page.head.directory)

    def forget(self) -> None:
        """Remember nothing, not even what is being read now: a transaction found it to be old."""
        self._generation += 1
        self._drop_all()

    def _may_remember(self) -> bool:
        return (
            self._head is not None and self._clock.boottime() - self._observed_at < MAX_UNOBSERVED
        )

    def _as_of_now(self, sighted: Sighted[T]) -> Sighted[T]:
        head = self._head
        if head is None or sighted.rsn >= head:
            return sighted
        return Sighted(sighted.value, head, sighted.directory)

    def _may_keep(self, sighted: Sighted[T], generation: int) -> bool:
        # Read before a page that has been observed since: its records were not held against it.
        return (
            generation == self._generation
            and self._head is not None
            and sighted.rsn >= self._head
            and sighted.directory == self._directory_version
        )

    def _adopt(self, directory: int) -> None:
        if directory > self._directory_version:
            self._directory_version = directory
            self._drop_all()

    def _keep_client(self, client_id: ClientId, sighted: Sighted[Client | None]) -> None:
        if sighted.value is None:
            if len(self._unknown_clients) >= MAX_UNKNOWN_CLIENTS:
                del self._unknown_clients[next(iter(self._unknown_clients))]
            self._unknown_clients[client_id] = _Known(sighted, ())
            return
        if len(self._clients) >= self._max_clients:
            self._drop_client(next(iter(self._clients)))
        # A client is the subject of the tokens it gets for itself.
        selectors = (
            selector(self._issuer, SelectorKind.CLIENT, client_id),
            selector(self._issuer, SelectorKind.SUBJECT, client_id),
        )
        self._clients[client_id] = _Known(sighted, selectors)
        for each in selectors:
            self._client_of[each] = client_id

    def _drop_named(self, named: Selector, seq: SequenceNumber) -> None:
        if named == self._issuer_selector:
            for client_id in [*self._clients]:
                self._drop_client_read_before(client_id, seq)
        client_id_named = self._client_of.get(named)
        if client_id_named is not None:
            self._drop_client_read_before(client_id_named, seq)
        if (
            self._directory is not None
            and self._directory.rsn < seq
            and (named == self._issuer_selector or named in self._directory_selectors)
        ):
            self._directory = None

    def _drop_client_read_before(self, client_id: ClientId, seq: SequenceNumber) -> None:
        if self._clients[client_id].sighted.rsn < seq:
            self._drop_client(client_id)

    def _drop_client(self, client_id: ClientId) -> None:
        known = self._clients.pop(client_id)
        for each in known.selectors:
            del self._client_of[each]

    def _drop_all(self) -> None:
        self._clients.clear()
        self._unknown_clients.clear()
        self._client_of.clear()
        self._directory = None
