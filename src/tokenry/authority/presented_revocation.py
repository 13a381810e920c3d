"""Taking a token back for the client that holds it (RFC 7009)."""

import asyncio
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from tokenry.audit.entry import AuditEvent
from tokenry.authority.client_authentication import ClientAuthentication, replay_claim
from tokenry.authority.facts import IssuerFacts
from tokenry.authority.planned_revocation import ATTEMPTS, planned, revoked_entry
from tokenry.authority.presented_token import KnownToken, PresentedTokens
from tokenry.authority.refusals import ClientRefusals
from tokenry.authority.revocation_quota import RevocationQuota, beyond_the_quota
from tokenry.ports.events import Counted, Events
from tokenry.ports.plans import (
    FactsMoved,
    IdempotencyMismatch,
    ProofReplayed,
    Revoked,
    RevokePlan,
)
from tokenry.ports.store import Sighted, Store
from tokenry.ports.surroundings import Bus, Clock
from tokenry.protocol.client_auth import AuthenticatedClient, PresentedClient, require_standing
from tokenry.protocol.directory_index import DirectoryIndex
from tokenry.protocol.registry import Client
from tokenry.protocol.revocation import require_ownership, revocation_of, revocation_of_token
from tokenry.vocabulary.errors import InvalidRequest, Overloaded, ProtocolError
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SelectorKind


class RevocationRequest(msgspec.Struct, frozen=True):
    """Parsed and unproven. `token_type_hint` is not read: a token shows what it is."""

    token: str | None
    presented: PresentedClient


class _Target(msgspec.Struct, frozen=True):
    """What is revoked for a token: itself, or beyond the quota something that it carries."""

    token: KnownToken
    kind: SelectorKind
    id: str


class PresentedRevocation:
    """Revokes tokens of one issuer for the clients that they were issued to.

    Not refused because of a wrong clock: its times are counted from the transaction, by the later
    of the database's clock and its newest tick, so that a record is at worst kept too long.
    """

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        store: Store,
        facts: IssuerFacts,
        authentication: ClientAuthentication,
        tokens: PresentedTokens,
        bus: Bus,
        clock: Clock,
        events: Events,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._facts = facts
        self._authentication = authentication
        self._tokens = tokens
        self._bus = bus
        self._clock = clock
        self._events = events
        self._refusals = ClientRefusals(
            issuer=issuer, store=store, event=AuditEvent.REVOCATION_REFUSED
        )
        self._quota: Final = RevocationQuota()
        self._under_way: WeakValueDictionary[tuple[SelectorKind, str], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def revoke(self, request: RevocationRequest, *, trace: TraceId) -> None:
        """Revoke a token; one that is unknown, expired or revoked already is no error (§2.2).

        Whatever is answered, an assertion that proved the client is used up (G-2). Raises
        ProtocolError, Overloaded, StoreUnavailable.
        """
        self._store.admit()
        now = self._clock.now()
        target: _Target | None = None
        overtaken = False
        for attempt in range(ATTEMPTS):
            version = self._facts.version
            proven: AuthenticatedClient | None = None
            try:
                # Again after each lost race: what moved may be the client.
                proven = (await self._authentication.authenticate(request.presented, now=now)).value
                require_standing(proven.client)
                token = await self._owned(request, proven.client)
            except ProtocolError as refusal:
                if attempt == 0 and not await self._facts.are_current(version):
                    self._facts.forget()
                    continue
                if proven is None:
                    raise
                raise await self._refusals.keep(refusal, proven, now=now, trace=trace) from None
            directory = None if overtaken else await self._facts.directory()
            if token is None or not await self._is_needed(token, directory, now=now):
                await self._do_nothing(proven, now=now, trace=trace)
                return
            if target is None:
                target = self._target(token, proven.client, now=now)
            if await self._commit(target, proven, directory, now=now, trace=trace):
                return
            overtaken = True
            self._facts.forget()
        raise Overloaded("the line of changes that overtake each other")

    async def _owned(self, request: RevocationRequest, client: Client) -> KnownToken | None:
        if request.token is None:
            raise InvalidRequest(because="no token", description="The parameter token is missing.")
        token = await self._tokens.read(request.token)
        if token is not None:
            require_ownership(token.claims, client)
        return token

    async def _is_needed(
        self, token: KnownToken, directory: Sighted[DirectoryIndex] | None, *, now: Instant
    ) -> bool:
        known = None if directory is None else directory.value
        live = revocation_of_token(token.claims, directory=known, now=now) is not None
        return live and not await self._tokens.is_revoked(token)

    def _target(self, token: KnownToken, client: Client, *, now: Instant) -> _Target:
        if self._quota.take(client.id, now=now):
            return _Target(token, SelectorKind.JTI, token.claims.jti)
        return _Target(token, *beyond_the_quota(token.claims))

    async def _commit(
        self,
        target: _Target,
        proven: AuthenticatedClient,
        directory: Sighted[DirectoryIndex] | None,
        *,
        now: Instant,
        trace: TraceId,
    ) -> bool:
        """Say whether the token is revoked now; if not, decide again."""
        # One at a time for one thing, waiting here and not in the queue that all others need: who
        # comes next finds it revoked.
        key = (target.kind, target.id)
        async with self._under_way.setdefault(key, asyncio.Lock()):
            if await self._tokens.is_revoked(target.token):
                await self._do_nothing(proven, now=now, trace=trace)
                return True
            match await self._store.revoke(self._plan(target, proven, directory, now, trace)):
                case Revoked() as revoked:
                    if revoked.fresh:
                        self._events.count(Counted.REVOKED, kind=target.kind.value)
                    # Also for a repeat: the first announcement may be lost with its node.
                    self._bus.announce(self._issuer)
                    return True
                case ProofReplayed():
                    raise await self._refusals.keep_replay(proven, now=now, trace=trace)
                case FactsMoved():
                    return False
                case IdempotencyMismatch():
                    raise AssertionError("no Idempotency-Key was given")

    def _plan(
        self,
        target: _Target,
        proven: AuthenticatedClient,
        directory: Sighted[DirectoryIndex] | None,
        now: Instant,
        trace: TraceId,
    ) -> RevokePlan:
        known = None if directory is None else directory.value
        claims = target.token.claims
        revocation = (
            revocation_of_token(claims, directory=known, now=now)
            if target.kind is SelectorKind.JTI
            else None
        ) or revocation_of(target.kind, target.id, issuer=self._issuer, directory=known, now=now)
        actor = f"client:{proven.client.id}"
        return RevokePlan(
            issuer=self._issuer,
            asked_at=now,
            revocations=(planned(revocation),),
            directory=None if directory is None else directory.directory,
            claim=replay_claim(proven.assertion),
            audit=(
                revoked_entry(
                    revocation, target.id, issuer=self._issuer, actor=actor, at=now, trace=trace
                ),
            ),
        )

    async def _do_nothing(
        self, proven: AuthenticatedClient, *, now: Instant, trace: TraceId
    ) -> None:
        """Use up the assertion, if there is one; nothing else is written."""
        claim = replay_claim(proven.assertion)
        if claim is None:
            return
        plan = RevokePlan(issuer=self._issuer, asked_at=now, revocations=(), claim=claim, audit=())
        if isinstance(await self._store.revoke(plan), ProofReplayed):
            raise await self._refusals.keep_replay(proven, now=now, trace=trace)
