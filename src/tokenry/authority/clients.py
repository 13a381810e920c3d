"""Clients that operators register, suspend, give new secrets and remove (R-30, R-33, R-60).

Each act is one plan: the change, the revocation that belongs to it, its audit entries and the
caller's Idempotency-Key commit together or not at all. A repeat under the same key does nothing,
whatever became of the client: it answers with the first numbers, and the client as it is now. What
a blueprint declared can be suspended and given secrets here, but is removed only there.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from tokenry.audit.entry import AuditEvent
from tokenry.authority.acts import Act, overtaken
from tokenry.authority.class_revocation import class_revocation
from tokenry.authority.client_registration import (
    ClientConflict,
    NewClient,
    UnknownClient,
    fresh_client_id,
    fresh_client_secret,
    require_registrable,
    secret_digest,
    with_new_secret,
)
from tokenry.authority.revocation import IdempotencyKeyReused
from tokenry.ports.events import UNHEARD, Counted, Events
from tokenry.ports.plans import (
    Change,
    Idempotency,
    IdempotencyMismatch,
    PutClient,
    RemoveClient,
    Revoked,
    RevokePlan,
)
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Bus, Clock
from tokenry.protocol.directory_index import DirectoryIndex, index_directory
from tokenry.protocol.registry import Client, Origin, Secret
from tokenry.vocabulary.errors import ProtocolError
from tokenry.vocabulary.identifiers import ClientId, Entropy, IssuerUrl
from tokenry.vocabulary.instant import Instant, Seconds
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.vocabulary.sequence import SequenceNumber

DEFAULT_OVERLAP: Final = Seconds(24 * 3600)
MAX_PAGE: Final = 500
_ATTEMPTS: Final = 20
_NO_VERSION: Final = -1


class ClientWithSecret(msgspec.Struct, frozen=True):
    """A client, and its new secret, which can be shown this once.

    `secret` is None for a client that uses keys, and when the act was a repeat under the same
    Idempotency-Key: the secret was in the first answer, and is kept nowhere.
    """

    client: Client
    secret: str | None
    repeated: bool


class RevokedClient(msgspec.Struct, frozen=True):
    """A client as it was left, and the number from which its older tokens are refused.

    `repeated`: this was done before under the same Idempotency-Key; the client may stand
    otherwise by now.
    """

    client: Client
    numbers: tuple[SequenceNumber, ...]
    repeated: bool = False


class RemovedClient(msgspec.Struct, frozen=True):
    """The number from which a removed client's tokens are refused. `repeated`: removed before."""

    numbers: tuple[SequenceNumber, ...]
    repeated: bool


class _Decided(msgspec.Struct, frozen=True):
    """What an act comes to on the facts at hand."""

    client: Client
    change: Change
    revokes: bool = False
    detail: dict[str, str | int] = {}


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An act on a client, and what tells it from others under one Idempotency-Key."""

    event: AuditEvent
    client_id: ClientId
    act: Act
    parameters: object = None

    def idempotency(self, now: Instant) -> Idempotency | None:
        return self.act.idempotency((self.event, self.client_id, self.parameters), now=now)


class _Done(msgspec.Struct, frozen=True):
    """What was committed, now or before. `client` None: a repeat, and it is gone."""

    client: Client | None
    numbers: tuple[SequenceNumber, ...]
    repeated: bool


class Clients:
    """The clients of one issuer, as operators administer them.

    All verbs raise StoreUnavailable and Overloaded; those with an `act` IdempotencyKeyReused too.
    """

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        store: Store,
        bus: Bus,
        clock: Clock,
        entropy: Entropy,
        events: Events = UNHEARD,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._bus = bus
        self._clock = clock
        self._entropy = entropy
        self._events = events

    async def page(self, *, after: ClientId | None, limit: int) -> tuple[Client, ...]:
        """Return clients in id order, at most `MAX_PAGE`."""
        return await self._store.list_clients(
            self._issuer, after=after, limit=max(1, min(limit, MAX_PAGE))
        )

    async def find(self, client_id: ClientId) -> Client:
        """Return one client. Raises UnknownClient."""
        return _known((await self._store.find_client(self._issuer, client_id)).value)

    async def add(self, new: NewClient, act: Act) -> ClientWithSecret:
        """Register a client, with a generated secret unless it authenticates with keys.

        Raises InvalidRequest for what cannot be registered, ClientConflict for an id in use.
        """
        secret = fresh_client_secret(self._entropy) if new.jwks is None else None
        client_id = new.id or fresh_client_id(
            self._entropy,
            issuer=self._issuer,
            actor=act.actor,
            idempotency_key=act.idempotency_key,
        )

        def decide(found: Client | None, directory: DirectoryIndex, now: Instant) -> _Decided:
            if found is not None:
                raise ClientConflict(
                    because="the id is in use",
                    description="There is a client with this id already; choose another.",
                )
            require_registrable(new, client_id, directory)
            client = Client(
                id=client_id,
                name=new.name,
                auth=new.auth,
                secrets=()
                if secret is None
                else (Secret(secret_digest(secret), now, origin=Origin.CLI),),
                jwks=new.jwks,
                access=dict(new.access),
                origin=Origin.CLI,
            )
            return _Decided(client, PutClient(client))

        event = AuditEvent.CLIENT_ADDED
        asked = _Asked(event=event, client_id=client_id, act=act, parameters=new)
        return await self._with_secret(await self._do(asked, decide), secret)

    async def suspend(self, client_id: ClientId, act: Act) -> RevokedClient:
        """Refuse a client and revoke what it has, in one plan. A repeat revokes again.

        Raises UnknownClient.
        """

        def decide(found: Client | None, _directory: DirectoryIndex, _now: Instant) -> _Decided:
            client = msgspec.structs.replace(_known(found), suspended=True)
            return _Decided(client, PutClient(client), revokes=True)

        event = AuditEvent.CLIENT_SUSPENDED
        done = await self._do(_Asked(event=event, client_id=client_id, act=act), decide)
        return RevokedClient(_known(done.client), done.numbers, done.repeated)

    async def resume(self, client_id: ClientId, act: Act) -> Client:
        """Let a suspended client ask for tokens again; what was revoked stays revoked.

        Raises UnknownClient.
        """

        def decide(found: Client | None, _directory: DirectoryIndex, _now: Instant) -> _Decided:
            client = msgspec.structs.replace(_known(found), suspended=False)
            return _Decided(client, PutClient(client))

        event = AuditEvent.CLIENT_RESUMED
        done = await self._do(_Asked(event=event, client_id=client_id, act=act), decide)
        return _known(done.client)

    async def rotate_secret(
        self, client_id: ClientId, act: Act, *, overlap: Seconds = DEFAULT_OVERLAP
    ) -> ClientWithSecret:
        """Add a secret; those in force until now end `overlap` seconds from now at the latest.

        Raises UnknownClient, InvalidRequest and ClientConflict (see `with_new_secret`).
        """
        secret = fresh_client_secret(self._entropy)

        def decide(found: Client | None, _directory: DirectoryIndex, now: Instant) -> _Decided:
            client = with_new_secret(_known(found), secret, overlap=overlap, now=now)
            detail: dict[str, str | int] = {"overlap": overlap}
            return _Decided(client, PutClient(client), detail=detail)

        event = AuditEvent.SECRET_ROTATED
        asked = _Asked(event=event, client_id=client_id, act=act, parameters=overlap)
        return await self._with_secret(await self._do(asked, decide), secret)

    async def remove(self, client_id: ClientId, act: Act) -> RemovedClient:
        """Forget a client and revoke what it has, in one plan.

        Raises UnknownClient, and ClientConflict for one that a blueprint declares.
        """

        def decide(found: Client | None, _directory: DirectoryIndex, _now: Instant) -> _Decided:
            client = _known(found)
            if client.origin is Origin.BLUEPRINT:
                raise ClientConflict(
                    because="the client came from a blueprint",
                    description="The blueprint declares this client: remove it there and send the"
                    " authority SIGHUP, or suspend it.",
                )
            return _Decided(client, RemoveClient(client_id), revokes=True)

        event = AuditEvent.CLIENT_REMOVED
        done = await self._do(_Asked(event=event, client_id=client_id, act=act), decide)
        return RemovedClient(done.numbers, done.repeated)

    async def _do(
        self,
        asked: _Asked,
        decide: Callable[[Client | None, DirectoryIndex, Instant], _Decided],
    ) -> _Done:
        """Decide on what is stored and commit, again whenever something came between.

        What was done before under the same key is looked for first: what it left behind (no
        client, one that is active again) would be taken for a reason to refuse or to do it again.
        """
        client_id, act = asked.client_id, asked.act
        for _ in range(_ATTEMPTS):
            before = await self._done_before(asked)
            if before is not None:
                return before
            directory = await self._store.directory(self._issuer)
            found = await self._store.find_client(self._issuer, client_id)
            index = index_directory(directory.value)
            now = self._clock.now()
            try:
                decided = decide(found.value, index, now)
            except ProtocolError:
                # The same act may have been committed between the two looks.
                before = await self._done_before(asked)
                if before is None:
                    raise
                return before
            detail = {"client": client_id, **decided.detail}
            audit = [act.entry(asked.event, issuer=self._issuer, at=now, detail=detail)]
            revocations = []
            if decided.revokes:
                kind = SelectorKind.CLIENT
                revocation = class_revocation(
                    self._issuer, kind, client_id, directory=index, now=now
                )
                revocations.append(revocation)
                audit.append(
                    act.revocation_entry(kind, client_id, revocation, issuer=self._issuer, at=now)
                )
            plan = RevokePlan(
                issuer=self._issuer,
                asked_at=now,
                revocations=tuple(revocations),
                changes=(decided.change,),
                # Both reads must still hold; the plan loses if anything moved since the first.
                directory=min(directory.directory, found.directory),
                idempotency=asked.idempotency(now),
                audit=tuple(audit),
            )
            done = await self._commit(plan)
            if done is not None:
                self._tell(done)
                return _Done(decided.client, done.numbers, repeated=False)
        raise overtaken("this change of a client")

    async def _commit(self, plan: RevokePlan) -> Revoked | None:
        """Commit a plan; None when something came between."""
        match await self._store.revoke(plan):
            case Revoked() as done:
                return done
            case IdempotencyMismatch():
                raise IdempotencyKeyReused(because="Idempotency-Key with another request")
            case _:
                return None

    def _tell(self, done: Revoked) -> None:
        self._bus.announce(self._issuer)
        if done.fresh:
            self._events.count(Counted.REVOKED, kind=SelectorKind.CLIENT.value)

    async def _done_before(self, asked: _Asked) -> _Done | None:
        """Return the outcome of this very act under the same Idempotency-Key, if there is one."""
        now = self._clock.now()
        idempotency = asked.idempotency(now)
        if idempotency is None:
            return None
        # Can only be recognised, never committed: no directory has this version.
        probe = RevokePlan(
            issuer=self._issuer,
            asked_at=now,
            revocations=(),
            directory=_NO_VERSION,
            idempotency=idempotency,
            audit=(),
        )
        first = await self._commit(probe)
        if first is None:
            return None
        # The first announcement may have been lost with its node.
        self._bus.announce(self._issuer)
        found = await self._store.find_client(self._issuer, asked.client_id)
        return _Done(found.value, first.numbers, repeated=True)

    async def _with_secret(self, done: _Done, secret: str | None) -> ClientWithSecret:
        client = _known(done.client)
        if done.repeated or secret is None:
            return ClientWithSecret(client, None, done.repeated)
        # Of two at once under one key one commits nothing, and its secret is worth nothing.
        stored = await self.find(client.id)
        ours = any(held.digest == secret_digest(secret) for held in stored.secrets)
        return ClientWithSecret(stored, secret if ours else None, repeated=not ours)


def _known(client: Client | None) -> Client:
    if client is None:
        raise UnknownClient(because="unknown client id")
    return client
