"""The store: atomic verbs that return outcomes, and reads that say at which number they were made.

Every verb is whole or nothing, durable before it returns (G-4), and safe under concurrency across
threads, processes and nodes. All raise `StoreUnavailable` when the store cannot tell the truth,
and the writing ones `Overloaded` when too many plans wait. `contract` in tests/contracts is the
other half of this file.
"""

from typing import Generic, Protocol, TypeVar

import msgspec

from tokenry.audit.entry import AuditEntry
from tokenry.feed.record import ChainValue, Record
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
from tokenry.protocol.registry import Client, Directory
from tokenry.protocol.signing_key import SigningKey
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber

T = TypeVar("T")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer's head row as of one snapshot.

    `closed` is the newest committed tick of the database in the same snapshot. `directory` counts
    changes of clients, resource servers, operators and keys; `profiles` those that verifiers see.
    """

    seq: SequenceNumber
    chain: ChainValue
    closed: Instant
    directory: int
    profiles: int


class Sighted(msgspec.Struct, Generic[T], frozen=True):
    """A value with the head number and directory version read *before* it (G-1)."""

    value: T
    rsn: SequenceNumber
    directory: int


class FeedPage(msgspec.Struct, frozen=True):
    """Consecutive records after a number, and the head, of one snapshot.

    `chain_before` is the chain value at the number asked for, so that frames can be rebuilt.
    `head` may lie beyond the last record when the page was cut at its limit.
    """

    head: Head
    chain_before: ChainValue
    records: tuple[Record, ...]


class RecordsGone(msgspec.Struct, frozen=True):
    """Records after that number are no longer all kept: load a snapshot."""

    head: Head


class LiveRecords(msgspec.Struct, frozen=True):
    """All records that a verifier may still need, ascending, 41 bytes each.

    Those whose `expires`, with the longest leeway that a verifier may declare, lies after the
    head's `closed`: also one whose leeway was raised since must find what it had (G-1).
    """

    head: Head
    records: bytes


class StoredAuditEntry(msgspec.Struct, frozen=True):
    """A committed entry: its row id, its bytes, and its Merkle leaf index once sealed."""

    id: int
    entry: bytes
    leaf: int | None


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows one bounded purge removed, by kind; all zero: nothing left to do now."""

    records: int = 0
    floors: int = 0
    replay_keys: int = 0
    reference_tokens: int = 0
    idempotency_keys: int = 0
    ceilings: int = 0


class Store(Protocol):
    """What the authority keeps. One implementation per database; all pass one contract suite."""

    def admit(self) -> None:
        """Raise `Overloaded` if no further plan would be taken now: asked before any work (G-8)."""

    async def create_issuer(self, issuer: IssuerUrl) -> None:
        """Make the issuer's head row if there is none. Idempotent."""

    async def issue(self, plan: IssuePlan) -> IssueOutcome:
        """Claim, write and audit an issuance, or say who won (G-1, G-2)."""

    async def revoke(self, plan: RevokePlan) -> RevokeOutcome:
        """Take the next number per revocation inside the transaction that changes the state (G-1).

        Head row's lock last, so number order is commit order, without gaps. A repeat under the same
        Idempotency-Key returns the first outcome and writes nothing.
        """

    async def change(self, plan: ChangePlan) -> ChangeOutcome:
        """Apply all changes or none; `FactsMoved` if the directory or a key's state has moved."""

    async def record(
        self, entries: tuple[AuditEntry, ...], *, claim: ReplayClaim | None = None
    ) -> RecordOutcome:
        """Commit audit entries that stand for themselves (refusals; at least one), all or none.

        `claim` is made with them, within the issuer of the first; if it was made before, nothing
        is written (G-2).
        """

    async def tick(self) -> Instant:
        """Commit the database's clock as the newest tick; never earlier than the last one."""

    async def purge(self, *, limit: int) -> Purged:
        """Remove at most `limit` rows of each kind that the newest tick has outlived (R-36).

        A ceiling that goes raises the versions of directory and profiles, so that verifiers learn
        that no token may live as long any more.
        """

    async def head(self, issuer: IssuerUrl) -> Head:
        """Read the head row. Raises LookupError for an issuer that was never created."""

    async def feed_page(
        self, issuer: IssuerUrl, *, after: SequenceNumber, limit: int
    ) -> FeedPage | RecordsGone:
        """Read records after a number, and the head, in one snapshot.

        Raises ValueError for a number above the head (somebody is ahead of this database).
        """

    async def live_records(self, issuer: IssuerUrl) -> LiveRecords:
        """Read all live records at one head; off the event loop."""

    async def is_revoked(
        self, issuer: IssuerUrl, *, selectors: frozenset[Selector], rsn: SequenceNumber
    ) -> bool:
        """Say whether a floor above `rsn` stands on any of the selectors."""

    async def find_client(self, issuer: IssuerUrl, client_id: ClientId) -> Sighted[Client | None]:
        """Read one client, the head first."""

    async def list_clients(
        self, issuer: IssuerUrl, *, after: ClientId | None, limit: int
    ) -> tuple[Client, ...]:
        """Read clients in id order, a page at a time."""

    async def directory(self, issuer: IssuerUrl) -> Sighted[Directory]:
        """Read everything but clients, the head first."""

    async def signing_keys(self, issuer: IssuerUrl) -> tuple[SigningKey, ...]:
        """Read all keys of an issuer, destroyed ones included, oldest first."""

    async def find_reference(
        self, issuer: IssuerUrl, digest: bytes
    ) -> Sighted[ReferenceToken | None]:
        """Read an opaque token by the SHA-256 of its value, the head first."""

    async def audit_entries(
        self, issuer: IssuerUrl, *, after: int, limit: int
    ) -> tuple[StoredAuditEntry, ...]:
        """Read committed entries with a row id above `after`, ascending."""

    async def last_audit_id(self, issuer: IssuerUrl) -> int:
        """Return the highest row id, 0 when there is none."""

    async def close(self) -> None:
        """Commit what waits, then release the database. Later calls raise StoreUnavailable."""
