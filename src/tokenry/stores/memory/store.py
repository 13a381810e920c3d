"""The `Store` port, natively in memory: each verb runs to its end under one lock."""

import threading
from bisect import bisect_right

from tokenry.audit.entry import AuditEntry
from tokenry.feed.record import ChainValue
from tokenry.ports.plans import (
    Changed,
    ChangeOutcome,
    ChangePlan,
    FactsMoved,
    IdempotencyMismatch,
    Issued,
    IssueOutcome,
    IssuePlan,
    ProofReplayed,
    Recorded,
    RecordOutcome,
    ReferenceToken,
    ReplayClaim,
    Revoked,
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
from tokenry.ports.surroundings import Clock
from tokenry.protocol.registry import Client, Directory
from tokenry.protocol.signing_key import SigningKey
from tokenry.stores.lateness import as_of_commit
from tokenry.stores.memory.issuer_state import IssuerState, encode_all
from tokenry.stores.memory.purging import purge
from tokenry.stores.numbering import number_revocations
from tokenry.stores.retention import expiry_outlived, last_outlived_bucket, replay_bucket
from tokenry.vocabulary.errors import StoreUnavailable
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber


class MemoryStore:
    """A `Store` that forgets with its process. Safe for any number of loops and threads.

    Nothing ever waits here, so it is never overloaded. The database's clock is `clock`.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._issuers: dict[IssuerUrl, IssuerState] = {}
        self._tick = Instant(0)
        self._emptied_through = -1
        self._is_closed = False

    def _state(self, issuer: IssuerUrl) -> IssuerState:
        self._require_open()
        state = self._issuers.get(issuer)
        if state is None:
            raise LookupError(f"no issuer {issuer}: create it first")
        return state

    def _require_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the store is closed")

    def admit(self) -> None:
        """Raise nothing while the store is open: nothing ever waits here."""
        self._require_open()

    async def create_issuer(self, issuer: IssuerUrl) -> None:
        """Make the issuer's head if there is none."""
        with self._lock:
            self._require_open()
            self._issuers.setdefault(issuer, IssuerState(issuer))

    async def issue(self, plan: IssuePlan) -> IssueOutcome:
        """Claim, write and audit an issuance, or say who won."""
        entries = encode_all((plan.audit,))
        with self._lock:
            state = self._state(plan.issuer)
            if (
                plan.directory != state.directory
                or plan.rsn > state.seq
                or state.has_floor_above(plan.rsn, plan.selectors)
            ):
                return FactsMoved()
            if not self._can_claim(state, plan.claim):
                return ProofReplayed()
            if plan.reference is not None:
                if plan.reference.digest in state.references:
                    raise StoreUnavailable("an opaque token with this digest is stored already")
                state.references[plan.reference.digest] = plan.reference
            self._claim(state, plan.claim)
            state.append_audit(entries)
            return Issued(plan.rsn)

    async def revoke(self, plan: RevokePlan) -> RevokeOutcome:
        """Revoke, with the changes that belong to it."""
        entries = encode_all(plan.audit)
        with self._lock:
            state = self._state(plan.issuer)
            earlier: Revoked | None = None
            asked = plan.idempotency
            if asked is not None and (asked.caller, asked.key) in state.idempotency:
                first, earlier = state.idempotency[asked.caller, asked.key]
                if first.request_digest != asked.request_digest:
                    return IdempotencyMismatch()
            elif plan.directory not in (None, state.directory) or not state.allows(plan.changes):
                return FactsMoved()
            if not self._can_claim(state, plan.claim):
                return ProofReplayed()
            self._claim(state, plan.claim)
            if earlier is not None:
                return earlier
            revoked = self._revoke(state, as_of_commit(plan, now=self._now()))
            if asked is not None:
                state.idempotency[asked.caller, asked.key] = (asked, revoked)
            state.append_audit(entries)
            return revoked

    def _revoke(self, state: IssuerState, plan: RevokePlan) -> Revoked:
        floors = {
            each.selector: state.floors[each.selector][0]
            for each in plan.revocations
            if each.selector in state.floors
        }
        numbered = number_revocations(
            plan.revocations, seq=state.seq, chain=state.chain, floors=floors
        )
        state.make(plan.changes)
        for each in numbered.fresh:
            record, until = each.record, each.revocation.floor_until
            state.records[record.seq] = (record, each.chain)
            _, standing_until = state.floors.get(record.selector, (0, until))
            state.floors[record.selector] = (record.before, max(until, standing_until))
        state.seq, state.chain = numbered.seq, numbered.chain
        return Revoked(numbered.numbers, fresh=bool(numbered.fresh))

    def _now(self) -> Instant:
        return max(self._clock.now(), self._tick)

    def _can_claim(self, state: IssuerState, claim: ReplayClaim | None) -> bool:
        return claim is None or (
            claim.key not in state.replay_keys
            and replay_bucket(claim.until) > self._emptied_through
        )

    def _claim(self, state: IssuerState, claim: ReplayClaim | None) -> None:
        if claim is not None:
            state.replay_keys[claim.key] = replay_bucket(claim.until)

    async def change(self, plan: ChangePlan) -> ChangeOutcome:
        """Apply all changes or none."""
        entries = encode_all(plan.audit)
        with self._lock:
            state = self._state(plan.issuer)
            if plan.directory not in (None, state.directory) or not state.allows(plan.changes):
                return FactsMoved()
            state.make(as_of_commit(plan, now=self._now()).changes)
            state.append_audit(entries)
            return Changed(state.directory)

    async def record(
        self, entries: tuple[AuditEntry, ...], *, claim: ReplayClaim | None = None
    ) -> RecordOutcome:
        """Keep audit entries that stand for themselves."""
        encoded = encode_all(entries)
        with self._lock:
            states = [self._state(entry.issuer) for entry in entries]
            if claim is not None:
                if not self._can_claim(states[0], claim):
                    return ProofReplayed()
                self._claim(states[0], claim)
            for state, entry in zip(states, encoded, strict=True):
                state.append_audit((entry,))
            return Recorded()

    async def tick(self) -> Instant:
        """Keep the clock as the newest tick, never an earlier one than the last."""
        with self._lock:
            self._require_open()
            self._tick = max(self._tick, self._clock.now())
            return self._tick

    async def purge(self, *, limit: int) -> Purged:
        """Let go of what the newest tick has outlived."""
        with self._lock:
            self._require_open()
            self._emptied_through = max(self._emptied_through, last_outlived_bucket(self._tick))
            return purge(
                list(self._issuers.values()),
                tick=self._tick,
                emptied_through=self._emptied_through,
                limit=limit,
            )

    def _head(self, state: IssuerState) -> Head:
        return Head(
            seq=state.seq,
            chain=state.chain,
            closed=self._tick,
            directory=state.directory,
            profiles=state.profiles,
        )

    async def head(self, issuer: IssuerUrl) -> Head:
        """Return the head."""
        with self._lock:
            return self._head(self._state(issuer))

    async def feed_page(
        self, issuer: IssuerUrl, *, after: SequenceNumber, limit: int
    ) -> FeedPage | RecordsGone:
        """Return records after a number, at most `limit`."""
        with self._lock:
            state = self._state(issuer)
            head = self._head(state)
            if after > head.seq:
                raise ValueError(
                    f"{after} is above the head {head.seq}: somebody is ahead of this store"
                )
            chain_before = _chain_at(state, after)
            if chain_before is None:
                return RecordsGone(head)
            numbers = list(state.records)
            start = bisect_right(numbers, after)
            records = [state.records[number][0] for number in numbers[start : start + limit]]
            return FeedPage(head, chain_before, tuple(records))

    async def live_records(self, issuer: IssuerUrl) -> LiveRecords:
        """Return all records that the newest tick has not outlived."""
        with self._lock:
            state = self._state(issuer)
            head = self._head(state)
            records = [record for record, _ in state.records.values()]
        expired = expiry_outlived(head.closed)
        live = b"".join(record.to_bytes() for record in records if record.expires > expired)
        return LiveRecords(head, live)

    async def is_revoked(
        self, issuer: IssuerUrl, *, selectors: frozenset[Selector], rsn: SequenceNumber
    ) -> bool:
        """Say whether a floor above `rsn` stands on any of the selectors."""
        with self._lock:
            return self._state(issuer).has_floor_above(rsn, selectors)

    async def find_client(self, issuer: IssuerUrl, client_id: ClientId) -> Sighted[Client | None]:
        """Return one client."""
        with self._lock:
            state = self._state(issuer)
            return Sighted(state.clients.get(client_id), state.seq, state.directory)

    async def list_clients(
        self, issuer: IssuerUrl, *, after: ClientId | None, limit: int
    ) -> tuple[Client, ...]:
        """Return a page of clients in the order of their ids."""
        with self._lock:
            clients = self._state(issuer).clients
            ids = sorted(client_id for client_id in clients if after is None or client_id > after)
            return tuple(clients[client_id] for client_id in ids[:limit])

    async def directory(self, issuer: IssuerUrl) -> Sighted[Directory]:
        """Return everything but clients."""
        with self._lock:
            state = self._state(issuer)
            directory = Directory(
                resource_servers=tuple(each for _, each in sorted(state.resource_servers.items())),
                operators=tuple(each for _, each in sorted(state.operators.items())),
                ceilings=tuple(each for _, each in sorted(state.ceilings.items())),
            )
            return Sighted(directory, state.seq, state.directory)

    async def signing_keys(self, issuer: IssuerUrl) -> tuple[SigningKey, ...]:
        """Return all keys, oldest first."""
        with self._lock:
            keys = self._state(issuer).keys.values()
            return tuple(sorted(keys, key=lambda key: (key.announced_at, key.kid)))

    async def find_reference(
        self, issuer: IssuerUrl, digest: bytes
    ) -> Sighted[ReferenceToken | None]:
        """Return an opaque token."""
        with self._lock:
            state = self._state(issuer)
            return Sighted(state.references.get(digest), state.seq, state.directory)

    async def audit_entries(
        self, issuer: IssuerUrl, *, after: int, limit: int
    ) -> tuple[StoredAuditEntry, ...]:
        """Return audit entries in the order of their commits."""
        with self._lock:
            return tuple(self._state(issuer).audit[after : after + limit])

    async def last_audit_id(self, issuer: IssuerUrl) -> int:
        """Return the highest row id, 0 when there is none."""
        with self._lock:
            return len(self._state(issuer).audit)

    async def close(self) -> None:
        """Take no more; later calls raise StoreUnavailable."""
        with self._lock:
            self._is_closed = True


def _chain_at(state: IssuerState, after: SequenceNumber) -> ChainValue | None:
    """Return the chain value at a number, None if the records after it are not all kept."""
    if after < state.kept_after:
        return None
    if after == state.seq:
        return state.chain
    if after == state.kept_after:
        return state.kept_chain
    _, chain = state.records.get(after, (None, None))
    return chain
