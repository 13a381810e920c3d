"""What the admin API says of things: structs that become its JSON. No digest, no secret, no key."""

import msgspec

from tokenry.authority.feed_positions import Position
from tokenry.feed.record import Record
from tokenry.protocol.registry import Client, ResourceServer, Secret
from tokenry.protocol.signing_key import SigningKey
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber


class SecretDocument(msgspec.Struct, frozen=True):
    """That there is a secret, and until when. Times are milliseconds since 1970, UTC."""

    created_at: Instant
    expires_at: Instant | None
    origin: str


class ClientDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A client. `keys` counts its public keys; `access` maps resource servers to scopes."""

    client_id: str
    name: str
    auth: str
    access: dict[str, tuple[str, ...]]
    suspended: bool
    origin: str
    secrets: tuple[SecretDocument, ...]
    keys: int


class ResourceServerDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A resource server. Lifetimes and tiers are seconds; `lifetimes` has scopes that differ."""

    name: str
    audience: str
    scopes: tuple[str, ...]
    low_risk_scopes: tuple[str, ...]
    lifetimes: dict[str, int]
    token_format: str
    algorithm: str
    lifetime: int
    leeway: int
    tiers: dict[str, int | None]
    survival_scopes: tuple[str, ...]
    secrets: tuple[SecretDocument, ...]
    origin: str


class KeyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key, without its private part. Times are milliseconds since 1970, UTC."""

    kid: str
    use: str
    algorithm: str
    state: str
    announced_at: Instant
    activates_at: Instant
    retired_at: Instant | None
    destroy_at: Instant | None


class RecordDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation record. `selector` is hex, `expires` a NumericDate."""

    seq: SequenceNumber
    type: str
    selector: str
    before: SequenceNumber
    expires: int


class PositionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How far a verifier has come. `behind` counts the records it lacks."""

    resource_server: str
    instance: str
    head: SequenceNumber
    behind: int
    closed: Instant
    lag_ms: int | None
    keys: tuple[str, ...]
    reported_at: Instant


def client_document(client: Client) -> ClientDocument:
    """Describe a client."""
    keys = 0 if client.jwks is None else len(msgspec.json.decode(client.jwks)["keys"])
    return ClientDocument(
        client_id=client.id,
        name=client.name,
        auth=client.auth,
        access={str(name): scopes for name, scopes in client.access.items()},
        suspended=client.suspended,
        origin=client.origin.value,
        secrets=_secrets(client.secrets),
        keys=keys,
    )


def resource_server_document(server: ResourceServer) -> ResourceServerDocument:
    """Describe a resource server."""
    return ResourceServerDocument(
        name=server.name,
        audience=server.audience,
        scopes=tuple(server.scopes),
        low_risk_scopes=tuple(name for name, scope in server.scopes.items() if scope.low_risk),
        lifetimes={
            name: scope.lifetime
            for name, scope in server.scopes.items()
            if scope.lifetime is not None
        },
        token_format=server.token_format,
        algorithm=server.algorithm,
        lifetime=server.lifetime,
        leeway=server.leeway,
        tiers={
            "fresh": server.fresh,
            "reduced": server.reduced,
            "survival": server.survival,
        },
        survival_scopes=server.survival_scopes,
        secrets=_secrets(server.secrets),
        origin=server.origin.value,
    )


def key_document(key: SigningKey) -> KeyDocument:
    """Describe a signing key."""
    return KeyDocument(
        kid=key.kid,
        use=key.use.value,
        algorithm=key.algorithm,
        state=key.state.value,
        announced_at=key.announced_at,
        activates_at=key.activates_at,
        retired_at=key.retired_at,
        destroy_at=key.destroy_at,
    )


def record_document(record: Record) -> RecordDocument:
    """Describe a revocation record."""
    return RecordDocument(
        seq=record.seq,
        type=record.type.name.lower(),
        selector=record.selector.hex(),
        before=record.before,
        expires=record.expires,
    )


def position_document(position: Position, *, head: SequenceNumber) -> PositionDocument:
    """Describe a verifier's position, as seen from a head."""
    return PositionDocument(
        resource_server=position.resource_server,
        instance=position.instance,
        head=position.head,
        behind=max(0, head - position.head),
        closed=position.closed,
        lag_ms=position.lag_ms,
        keys=position.keys,
        reported_at=position.reported_at,
    )


def _secrets(secrets: tuple[Secret, ...]) -> tuple[SecretDocument, ...]:
    return tuple(
        SecretDocument(secret.created_at, secret.expires_at, secret.origin.value)
        for secret in secrets
    )
