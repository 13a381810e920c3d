"""Issuing a token: the phases that all grants share stand here, so that no grant can forget one.

In this order: 1 room, 2 time, 3 client, 4 grant, 5 audience and scope, 6 lifetime, 7 key, 8 commit,
9 signature. What is written and its audit entry are one plan (G-4); nothing is signed before it is
durable.
"""

from typing import Final

import msgspec

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.client_authentication import ClientAuthentication, replay_claim
from tokenry.authority.facts import IssuerFacts
from tokenry.authority.key_ring import KeyRing, TokenSlot
from tokenry.authority.refusals import ClientRefusals
from tokenry.jose import attach, base64url, signing_input
from tokenry.ports.events import Counted, Events
from tokenry.ports.plans import FactsMoved, Issued, IssuePlan, ProofReplayed, ReferenceToken
from tokenry.ports.store import Sighted, Store
from tokenry.ports.surroundings import Clock, ClockGuard, Signer
from tokenry.protocol.access_token import AccessTokenClaims, TokenSelectors, encode_claims
from tokenry.protocol.audience import choose_audience
from tokenry.protocol.client_auth import AuthenticatedClient, require_standing
from tokenry.protocol.client_credentials_grant import client_credentials_subject
from tokenry.protocol.directory_index import DirectoryIndex
from tokenry.protocol.lifetime import token_lifetime
from tokenry.protocol.reference_token import RANDOM_BYTES, reference_digest, reference_token
from tokenry.protocol.registry import Client, ResourceServer
from tokenry.protocol.scope import grant_scope, parse_scope
from tokenry.protocol.token_request import (
    TOKEN_TYPE_BEARER,
    TokenAnswer,
    TokenRequest,
    require_grant_type,
)
from tokenry.vocabulary.claims import CLIENT_CREDENTIALS
from tokenry.vocabulary.errors import Overloaded, ProtocolError
from tokenry.vocabulary.identifiers import (
    HANDLE_BYTES,
    Entropy,
    GrantId,
    IssuerUrl,
    SubjectId,
    TokenId,
    TraceId,
)
from tokenry.vocabulary.instant import Instant, Seconds, numeric_date
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber

ATTEMPTS: Final = 4
"""Times that a request is decided before it is answered 503: each lost race is a revocation or a
change of the directory that was committed in between."""
HANDLES_BYTES: Final = 2 * HANDLE_BYTES
"""Random bytes that a token's `jti` and `grant` are made of."""
_MAX_REMEMBERED: Final = 10_000
_LONGEST_REMEMBERED: Final = 1_024
"""Characters of a scope parameter that is remembered, so that all of them take little (G-8)."""
_GRANTS: Final = {CLIENT_CREDENTIALS: client_credentials_subject}


class _Target(msgspec.Struct, frozen=True):
    """Where a token is for and what it allows there, and what that was decided on."""

    client: Client
    directory: DirectoryIndex
    resource_server: ResourceServer
    scope: str
    lifetime: Seconds


class _Decision(msgspec.Struct, frozen=True):
    """What is granted, and the facts it was decided on: the lowest number they were read at."""

    authenticated: AuthenticatedClient
    subject: SubjectId
    target: _Target
    rsn: SequenceNumber
    directory: int


class TokenIssuance:
    """Issues the tokens of one issuer."""

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        store: Store,
        facts: IssuerFacts,
        authentication: ClientAuthentication,
        key_ring: KeyRing,
        signer: Signer,
        clock: Clock,
        clock_guard: ClockGuard,
        entropy: Entropy,
        events: Events,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._facts = facts
        self._authentication = authentication
        self._key_ring = key_ring
        self._signer = signer
        self._clock = clock
        self._clock_guard = clock_guard
        self._entropy = entropy
        self._events = events
        self._refusals = ClientRefusals(issuer=issuer, store=store, event=AuditEvent.TOKEN_REFUSED)
        self._selectors = TokenSelectors(issuer)
        self._standing: dict[tuple[str, str, str], frozenset[Selector]] = {}
        self._targets: dict[tuple[str, str | None, tuple[str, ...]], _Target] = {}

    async def issue(self, request: TokenRequest, *, trace: TraceId, handles: bytes) -> TokenAnswer:
        """Answer a token request. `handles` are 32 random bytes, for the token's ids alone.

        Raises ProtocolError, Overloaded, ClockIsOff, StoreUnavailable, SignerUnavailable.
        """
        # 1. Room, before any work (G-8).
        self._store.admit()
        # 2. Time: before the facts are read, and never again (G-1).
        self._clock_guard.require_right_clock()
        now = self._clock.now()
        for attempt in range(ATTEMPTS):
            version = self._facts.version
            proven: Sighted[AuthenticatedClient] | None = None
            try:
                # 3. Client.
                proven = await self._authentication.authenticate(request.presented, now=now)
                # 4 to 6.
                decision = self._decide(request, proven, await self._facts.directory())
            except ProtocolError as refusal:
                if attempt == 0 and not await self._facts.are_current(version):
                    self._facts.forget()
                    continue
                if proven is None:
                    raise
                kept = await self._refusals.keep(refusal, proven.value, now=now, trace=trace)
                raise kept from None
            # 7 and 8.
            claims = self._claims(decision, now=now, handles=handles)
            form = self._form(decision.target.resource_server)
            match await self._store.issue(self._plan(decision, claims, form, now, trace)):
                case Issued():
                    # 9. Signature.
                    token = form if isinstance(form, str) else await self._sign(form, claims)
                    return self._answer(decision, token)
                case ProofReplayed():
                    raise await self._refusals.keep_replay(proven.value, now=now, trace=trace)
                case FactsMoved():
                    self._facts.forget()
        raise Overloaded("the line of changes that overtake each other")

    def _decide(
        self,
        request: TokenRequest,
        proven: Sighted[AuthenticatedClient],
        directory: Sighted[DirectoryIndex],
    ) -> _Decision:
        client = proven.value.client
        require_standing(client)
        # 4. Grant.
        subject = _GRANTS[require_grant_type(request.grant_type)](proven.value)
        # 5. Audience and scope, 6 lifetime.
        target = self._target(request, client, directory.value)
        return _Decision(
            proven.value,
            subject,
            target,
            min(proven.rsn, directory.rsn),
            min(proven.directory, directory.directory),
        )

    def _target(self, request: TokenRequest, client: Client, directory: DirectoryIndex) -> _Target:
        # A function of the very same facts and words needs no second evaluation.
        key = (client.id, request.scope, request.resources)
        target = self._targets.get(key)
        if target is not None and target.client is client and target.directory is directory:
            return target
        asked = () if request.scope is None else parse_scope(request.scope)
        server = choose_audience(request.resources, asked, client=client, directory=directory)
        granted = grant_scope(asked, client=client, resource_server=server)
        target = _Target(
            client, directory, server, " ".join(granted), token_lifetime(server, granted)
        )
        if len(request.scope or "") <= _LONGEST_REMEMBERED:
            if len(self._targets) >= _MAX_REMEMBERED:
                self._targets.clear()
            self._targets[key] = target
        return target

    def _claims(self, decision: _Decision, *, now: Instant, handles: bytes) -> AccessTokenClaims:
        target = decision.target
        issued_at = numeric_date(now)
        return AccessTokenClaims(
            iss=self._issuer,
            sub=decision.subject,
            aud=target.resource_server.audience,
            client_id=decision.authenticated.client.id,
            scope=target.scope,
            iat=issued_at,
            exp=issued_at + target.lifetime,
            jti=TokenId(_handle(handles[:HANDLE_BYTES])),
            grant=GrantId(_handle(handles[HANDLE_BYTES:])),
            rsn=decision.rsn,
        )

    def _form(self, server: ResourceServer) -> TokenSlot | str:
        """Return the reference token to answer with, or what a JWT is signed with."""
        if server.token_format == "opaque":
            return reference_token(self._entropy(RANDOM_BYTES))
        # 7. Key: whoever cannot sign must not commit.
        return self._key_ring.token_header(server.algorithm)

    def _plan(
        self,
        decision: _Decision,
        claims: AccessTokenClaims,
        form: TokenSlot | str,
        now: Instant,
        trace: TraceId,
    ) -> IssuePlan:
        stored = None
        if isinstance(form, str):
            stored = ReferenceToken(
                digest=reference_digest(form),
                claims=encode_claims(claims),
                selectors=self._selectors.of(claims),
                rsn=claims.rsn,
                expires=claims.exp,
            )
        return IssuePlan(
            issuer=self._issuer,
            rsn=decision.rsn,
            directory=decision.directory,
            selectors=self._standing_selectors(claims),
            claim=replay_claim(decision.authenticated.assertion),
            reference=stored,
            audit=AuditEntry(
                at=now,
                event=AuditEvent.TOKEN_ISSUED,
                issuer=self._issuer,
                actor=f"client:{claims.client_id}",
                trace=trace,
                detail={
                    "sub": claims.sub,
                    "aud": claims.aud,
                    "scope": claims.scope,
                    "jti": claims.jti,
                    "grant": claims.grant,
                    "exp": claims.exp,
                    "rsn": claims.rsn,
                },
            ),
        )

    async def _sign(self, slot: TokenSlot, claims: AccessTokenClaims) -> str:
        signed = signing_input(slot.header, encode_claims(claims))
        return attach(signed, await self._signer.sign(slot.kid, signed))

    def _answer(self, decision: _Decision, token: str) -> TokenAnswer:
        target = decision.target
        server = target.resource_server
        self._events.count(Counted.ISSUED, format=server.token_format, resource_server=server.name)
        return TokenAnswer(token, TOKEN_TYPE_BEARER, target.lifetime, target.scope)

    def _standing_selectors(self, claims: AccessTokenClaims) -> frozenset[Selector]:
        key = (claims.client_id, claims.sub, claims.aud)
        selectors = self._standing.get(key)
        if selectors is None:
            if len(self._standing) >= _MAX_REMEMBERED:
                self._standing.clear()
            selectors = self._selectors.standing(
                client=claims.client_id, subject=claims.sub, audience=claims.aud
            )
            self._standing[key] = selectors
        return selectors


def _handle(random: bytes) -> str:
    return base64url.encode(random).decode("ascii")
