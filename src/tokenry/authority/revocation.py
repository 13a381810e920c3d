"""Taking tokens back for operators, by any kind (G-1); for clients see `presented_revocation`.

Each revocation takes its number in the transaction that changes the state; when a verb here has
returned, the record is durable and every publisher has been woken.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from tokenry.audit.entry import AuditEntry
from tokenry.authority.facts import IssuerFacts
from tokenry.authority.planned_revocation import ATTEMPTS, planned, revoked_entry
from tokenry.authority.presented_token import PresentedTokens
from tokenry.feed.record import NEVER
from tokenry.ports.events import Counted, Events
from tokenry.ports.plans import (
    FactsMoved,
    Idempotency,
    IdempotencyMismatch,
    ProofReplayed,
    PutKey,
    Revoked,
    RevokePlan,
)
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Bus, Clock
from tokenry.protocol.pasted_secret import require_no_secret
from tokenry.protocol.revocation import (
    NOTES,
    SelectorRevocation,
    revocation_of,
)
from tokenry.vocabulary.errors import InvalidRequest, Overloaded
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId, TraceId
from tokenry.vocabulary.instant import Seconds, later
from tokenry.vocabulary.selectors import Selector, SelectorKind, selector
from tokenry.vocabulary.sequence import SequenceNumber

MAX_IDEMPOTENCY_KEY: Final = 255
IDEMPOTENCY_KEPT: Final = Seconds(24 * 3600)
KEY_REMEMBERED: Final = Seconds(100 * 365 * 24 * 3600)
"""The record of a removed key is never dropped, so a repeat must never add another."""

_REVOKE_TOKEN: Final = "To revoke a token itself, give it as token (tokenry revoke --token)."


class IdempotencyKeyReused(InvalidRequest):
    """The same Idempotency-Key came with another request."""

    status = 422
    default_description = "This Idempotency-Key was used for another request."


class KeyRemoval(Protocol):
    """What taking a stolen key out of use needs of the rollover."""

    async def emergency_removal(self, kid: KeyId) -> tuple[PutKey, ...]:
        """Return the changes, none for a key that is destroyed. Raises InvalidRequest."""

    def audit_of(
        self, changes: Iterable[PutKey], *, actor: str, trace: TraceId
    ) -> tuple[AuditEntry, ...]:
        """Return the entries that belong to them."""

    async def put_into_force(self, changes: Iterable[PutKey]) -> None:
        """Sign nothing more with the key, once they are committed.

        Raises StoreUnavailable, SignerUnavailable.
        """


class RevocationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator is told. `numbers` is empty when there was nothing to revoke."""

    kind: SelectorKind
    selector: Selector
    numbers: tuple[SequenceNumber, ...]
    fresh: bool
    note: str


class Revocations:
    """Revokes the tokens of one issuer."""

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        store: Store,
        facts: IssuerFacts,
        tokens: PresentedTokens,
        keys: KeyRemoval,
        bus: Bus,
        clock: Clock,
        events: Events,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._facts = facts
        self._tokens = tokens
        self._keys = keys
        self._bus = bus
        self._clock = clock
        self._events = events

    async def revoke(
        self,
        kind: SelectorKind,
        id_: str,
        *,
        actor: str,
        trace: TraceId,
        idempotency_key: str | None = None,
    ) -> RevocationReport:
        """Revoke everything that carries an id, of any kind; an operator's verb.

        Raises InvalidRequest, IdempotencyKeyReused, Overloaded, StoreUnavailable.
        """
        self._store.admit()
        require_no_secret(id_, instead=_REVOKE_TOKEN)
        idempotency = self._idempotency(idempotency_key, f"{kind}\0{id_}", actor)
        if kind is SelectorKind.KEY:
            return await self._remove_key(KeyId(id_), idempotency, actor=actor, trace=trace)
        now = self._clock.now()
        overtaken = False
        for _ in range(ATTEMPTS):
            # Once overtaken it needs no directory: its record is kept for the longest there can be.
            sighted = None if overtaken else await self._facts.directory()
            revocation = revocation_of(
                kind,
                id_,
                issuer=self._issuer,
                directory=None if sighted is None else sighted.value,
                now=now,
            )
            report = await self._commit(
                revocation,
                RevokePlan(
                    issuer=self._issuer,
                    asked_at=now,
                    revocations=(planned(revocation),),
                    directory=None if sighted is None else sighted.directory,
                    idempotency=idempotency,
                    audit=(
                        revoked_entry(
                            revocation,
                            id_,
                            issuer=self._issuer,
                            actor=actor,
                            at=now,
                            trace=trace,
                        ),
                    ),
                ),
            )
            if report is not None:
                return report
            overtaken = True
            self._facts.forget()
        raise Overloaded("the line of changes that overtake each other")

    async def revoke_token(
        self, token: str, *, actor: str, trace: TraceId, idempotency_key: str | None = None
    ) -> RevocationReport:
        """Revoke one token that an operator has at hand, by its `jti`.

        Raises InvalidRequest for what is not a token of this issuer, and as `revoke`.
        """
        known = await self._tokens.read(token)
        if known is None:
            raise InvalidRequest(
                because="not a token of this issuer",
                description="This is not a token of this issuer, or its key is gone.",
            )
        return await self.revoke(
            SelectorKind.JTI,
            known.claims.jti,
            actor=actor,
            trace=trace,
            idempotency_key=idempotency_key,
        )

    async def _remove_key(
        self, kid: KeyId, idempotency: Idempotency | None, *, actor: str, trace: TraceId
    ) -> RevocationReport:
        now = self._clock.now()
        for _ in range(ATTEMPTS):
            changes = await self._keys.emergency_removal(kid)
            revocation = SelectorRevocation(
                kind=SelectorKind.KEY,
                selector=selector(self._issuer, SelectorKind.KEY, kid),
                expires=NEVER,
                repeatable=False,
                floor_until=later(now, KEY_REMEMBERED),
            )
            report = await self._commit(
                revocation,
                RevokePlan(
                    issuer=self._issuer,
                    asked_at=now,
                    revocations=(planned(revocation),),
                    changes=changes,
                    idempotency=idempotency,
                    audit=(
                        revoked_entry(
                            revocation,
                            kid,
                            issuer=self._issuer,
                            actor=actor,
                            at=now,
                            trace=trace,
                        ),
                        *self._keys.audit_of(changes, actor=actor, trace=trace),
                    ),
                ),
            )
            if report is not None:
                # Answered once it is so here (G-5): if it cannot be, a repeat tries that again.
                await self._keys.put_into_force(changes)
                return report
        raise Overloaded("the line of changes that overtake each other")

    async def _commit(
        self, revocation: SelectorRevocation, plan: RevokePlan
    ) -> RevocationReport | None:
        """Commit an operator's plan; None when it has to be decided again."""
        match await self._store.revoke(plan):
            case Revoked() as revoked:
                self._tell(revocation.kind, revoked)
                return RevocationReport(
                    kind=revocation.kind,
                    selector=revocation.selector,
                    numbers=revoked.numbers,
                    fresh=revoked.fresh,
                    note=NOTES[revocation.kind],
                )
            case IdempotencyMismatch():
                raise IdempotencyKeyReused(because="Idempotency-Key with another request")
            case FactsMoved():
                return None
            case ProofReplayed():
                raise AssertionError("no proof was presented")

    def _tell(self, kind: SelectorKind, revoked: Revoked) -> None:
        if revoked.fresh:
            self._events.count(Counted.REVOKED, kind=kind.value)
        # Also for a repeat: the first announcement may have been lost with its node.
        self._bus.announce(self._issuer)

    def _idempotency(self, key: str | None, asked: str, actor: str) -> Idempotency | None:
        if key is None:
            return None
        if not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()):
            raise InvalidRequest(
                because="malformed Idempotency-Key",
                description=f"Idempotency-Key is 1 to {MAX_IDEMPOTENCY_KEY} ASCII characters.",
            )
        return Idempotency(
            caller=actor,
            key=key,
            request_digest=sha256(asked.encode()).digest(),
            until=later(self._clock.now(), IDEMPOTENCY_KEPT),
        )
