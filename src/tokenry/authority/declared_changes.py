"""What a blueprint asks of the store, as a difference: pure, so that it can be tested whole.

Only objects of origin `blueprint` are compared; an id that another origin holds is a problem.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import msgspec

from tokenry.audit.entry import AuditEvent
from tokenry.blueprint.declarations import (
    ClientDeclaration,
    OperatorDeclaration,
    ResourceServerDeclaration,
)
from tokenry.blueprint.loading import LoadedBlueprint
from tokenry.blueprint.problems import BlueprintError, Problem, spell_path
from tokenry.ports.plans import (
    Change,
    PutCeiling,
    PutClient,
    PutOperator,
    PutResourceServer,
    RemoveClient,
    RemoveOperator,
    RemoveResourceServer,
)
from tokenry.protocol.registry import (
    Client,
    Directory,
    LifetimeCeiling,
    Operator,
    Origin,
    ResourceServer,
    Scope,
    Secret,
)
from tokenry.vocabulary.identifiers import Audience, ClientId, OperatorName, ResourceServerName
from tokenry.vocabulary.instant import Instant, Seconds, later
from tokenry.vocabulary.selectors import SelectorKind

LATE_ISSUE: Final = Seconds(2)
"""How much later than the change an issuance that began before it may have read its clock: nodes
whose clocks differ by more than a second do not serve (G-1)."""


Registered = Client | ResourceServer | Operator
K = TypeVar("K", bound=str)


class NotedChange(msgspec.Struct, frozen=True):
    """One object that changes: the event of its audit entry, its id, and which fields differ."""

    event: AuditEvent
    id: str
    fields: tuple[str, ...] = ()


class Difference(msgspec.Struct, frozen=True):
    """What to write, what to revoke with it, and what to note. Empty: the store is in line."""

    changes: tuple[Change, ...]
    revoked: tuple[tuple[SelectorKind, str], ...]
    noted: tuple[NotedChange, ...]


def declared_changes(
    loaded: LoadedBlueprint, directory: Directory, clients: Iterable[Client], *, now: Instant
) -> Difference:
    """Compare a blueprint with the store.

    Raises BlueprintError when it declares an id or an audience that another origin holds.
    """
    declared = loaded.declared
    stored_clients = {client.id: client for client in clients}
    stored_servers = {server.name: server for server in directory.resource_servers}
    stored_operators = {operator.name: operator for operator in directory.operators}
    problems = [
        *_taken("clients", declared.clients, stored_clients),
        *_taken("resource_servers", declared.resource_servers, stored_servers),
        *_taken("operators", declared.operators, stored_operators),
        *_audiences_taken(declared.resource_servers, directory.resource_servers),
    ]
    if problems:
        raise BlueprintError(problems)
    wanted_clients = {
        ClientId(name): _client(
            ClientId(name), declaration, loaded.key_sets, stored_clients.get(ClientId(name)), now
        )
        for name, declaration in declared.clients.items()
    }
    wanted_servers = {
        ResourceServerName(name): _resource_server(
            name, declaration, stored_servers.get(ResourceServerName(name)), now
        )
        for name, declaration in declared.resource_servers.items()
    }
    wanted_operators = {
        OperatorName(name): _operator(name, declaration)
        for name, declaration in declared.operators.items()
    }
    difference = _Collected()
    # What goes comes first, so that what it held (an audience) is free for what comes.
    for client_id in _gone(stored_clients, wanted_clients):
        difference.revoke(SelectorKind.CLIENT, client_id)
        difference.add(RemoveClient(client_id), AuditEvent.CLIENT_REMOVED, client_id)
    for name in _gone(stored_servers, wanted_servers):
        server = stored_servers[name]
        difference.revoke(SelectorKind.AUDIENCE, server.audience)
        difference.changes.append(_outlived(server, now))
        difference.add(RemoveResourceServer(name), AuditEvent.RESOURCE_SERVER_REMOVED, name)
    for operator_name in _gone(stored_operators, wanted_operators):
        difference.add(RemoveOperator(operator_name), AuditEvent.OPERATOR_REMOVED, operator_name)
    for name, server in wanted_servers.items():
        before = stored_servers.get(name)
        if before is not None and before.audience != server.audience:
            difference.revoke(SelectorKind.AUDIENCE, before.audience)
        if before is not None and before.lifetime > server.lifetime:
            difference.changes.append(_outlived(before, now))
        difference.put(
            PutResourceServer(server),
            before,
            server,
            AuditEvent.RESOURCE_SERVER_ADDED,
            AuditEvent.RESOURCE_SERVER_CHANGED,
        )
    for client_id, client in wanted_clients.items():
        difference.put(
            PutClient(client),
            stored_clients.get(client_id),
            client,
            AuditEvent.CLIENT_ADDED,
            AuditEvent.CLIENT_CHANGED,
        )
    for operator_name, operator in wanted_operators.items():
        difference.put(
            PutOperator(operator),
            stored_operators.get(operator_name),
            operator,
            AuditEvent.OPERATOR_ADDED,
            AuditEvent.OPERATOR_CHANGED,
        )
    return difference.whole()


class _Collected:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._revoked: list[tuple[SelectorKind, str]] = []
        self._noted: list[NotedChange] = []

    def revoke(self, kind: SelectorKind, value: str) -> None:
        self._revoked.append((kind, value))

    def add(self, change: Change, event: AuditEvent, name: str) -> None:
        self.changes.append(change)
        self._noted.append(NotedChange(event, name))

    def put(
        self,
        change: Change,
        before: Registered | None,
        after: Registered,
        added: AuditEvent,
        changed: AuditEvent,
    ) -> None:
        name = after.id if isinstance(after, Client) else after.name
        if before is None:
            self.add(change, added, name)
        elif before != after:
            fields = tuple(
                field
                for field in after.__struct_fields__
                if getattr(before, field) != getattr(after, field)
            )
            self.changes.append(change)
            self._noted.append(NotedChange(changed, name, fields))

    def whole(self) -> Difference:
        return Difference(tuple(self.changes), tuple(self._revoked), tuple(self._noted))


def _gone(stored: Mapping[K, Registered], wanted: Mapping[K, object]) -> list[K]:
    return [
        key
        for key, found in stored.items()
        if found.origin is Origin.BLUEPRINT and key not in wanted
    ]


def _taken(
    table: str,
    declared: Iterable[str],
    stored: Mapping[K, Registered],
) -> Iterable[Problem]:
    held = {str(key): found.origin for key, found in stored.items()}
    for name in declared:
        origin = held.get(name, Origin.BLUEPRINT)
        if origin is not Origin.BLUEPRINT:
            removal = f"remove it with `tokenry client remove {name}`, or " * (table == "clients")
            yield Problem(
                path=spell_path((table, name)),
                expected="an id that is free or came from a blueprint",
                found=f"one that came from {origin}",
                hint=f"{removal}declare this one under another id",
            )


def _audiences_taken(
    declared: Mapping[str, ResourceServerDeclaration], stored: Iterable[ResourceServer]
) -> Iterable[Problem]:
    held = {
        server.audience: server.name for server in stored if server.origin is not Origin.BLUEPRINT
    }
    for name, declaration in declared.items():
        holder = held.get(Audience(declaration.audience))
        if holder is not None and holder != name:
            yield Problem(
                path=spell_path(("resource_servers", name, "audience")),
                expected="an audience that no other resource server has",
                found=f"that of {holder}, which did not come from a blueprint",
            )


def _outlived(server: ResourceServer, now: Instant) -> PutCeiling:
    """Keep a lifetime in mind until the last token issued under it has expired everywhere."""
    until = later(now, Seconds(server.lifetime + server.leeway + LATE_ISSUE))
    return PutCeiling(
        LifetimeCeiling(resource_server=server.name, lifetime=server.lifetime, until=until)
    )


def _client(
    client_id: ClientId,
    declared: ClientDeclaration,
    key_sets: Mapping[ClientId, bytes],
    stored: Client | None,
    now: Instant,
) -> Client:
    by_key = declared.auth == "private_key_jwt"
    held = () if stored is None else stored.secrets
    return Client(
        id=client_id,
        name=declared.name,
        auth=declared.auth,
        secrets=() if by_key else merged_secrets(held, declared.secret_sha256, now=now),
        jwks=key_sets[client_id] if by_key else None,
        access={ResourceServerName(name): scopes for name, scopes in declared.access.items()},
        suspended=stored is not None and stored.suspended,
        origin=Origin.BLUEPRINT,
    )


def _resource_server(
    name: str, declared: ResourceServerDeclaration, stored: ResourceServer | None, now: Instant
) -> ResourceServer:
    tiers = declared.tiers
    held = () if stored is None else stored.secrets
    return ResourceServer(
        name=ResourceServerName(name),
        audience=Audience(declared.audience),
        scopes={
            scope: Scope(
                description=declaration.description,
                low_risk=declaration.low_risk,
                lifetime=None if declaration.lifetime is None else Seconds(declaration.lifetime),
            )
            for scope, declaration in declared.scopes.items()
        },
        token_format=declared.token_format,
        algorithm=declared.algorithm,
        lifetime=Seconds(declared.lifetime),
        leeway=Seconds(declared.leeway),
        fresh=Seconds(tiers.fresh),
        reduced=Seconds(tiers.reduced),
        survival=None if tiers.survival is None else Seconds(tiers.survival),
        survival_scopes=tiers.survival_scopes,
        secrets=merged_secrets(held, declared.secret_sha256, now=now),
        origin=Origin.BLUEPRINT,
    )


def _operator(name: str, declared: OperatorDeclaration) -> Operator:
    return Operator(
        name=OperatorName(name),
        token_digest=bytes.fromhex(declared.token_sha256),
        duties=declared.duties,
        origin=Origin.BLUEPRINT,
    )


def merged_secrets(
    held: tuple[Secret, ...], declared_hex: tuple[str, ...], *, now: Instant
) -> tuple[Secret, ...]:
    """Return the secrets an object has once a file that declares these digests is applied.

    A declared digest that is held keeps its end, so that what was rotated out stays out; one that
    is no longer declared goes; secrets that the command line made stay.
    """
    declared = [bytes.fromhex(digest) for digest in declared_hex]
    by_digest = {secret.digest: secret for secret in held}
    kept = [
        secret
        for secret in held
        if secret.origin is not Origin.BLUEPRINT and secret.digest not in declared
    ]
    seeded = [
        msgspec.structs.replace(
            by_digest.get(digest) or Secret(digest, now), origin=Origin.BLUEPRINT
        )
        for digest in declared
    ]
    return tuple(seeded + kept)
