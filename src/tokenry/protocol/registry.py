"""Who takes part, as the store knows them: clients, resource servers, operators.

The blueprint seeds these; the store is the truth, and `origin` says where each came from.
"""

from enum import StrEnum

import msgspec

from tokenry.blueprint.declarations import Algorithm, ClientAuthMethod, Duty, TokenFormat
from tokenry.vocabulary.identifiers import Audience, ClientId, OperatorName, ResourceServerName
from tokenry.vocabulary.instant import Instant, Seconds


class Origin(StrEnum):
    """What declared an object; reconciling a blueprint touches only its own."""

    BLUEPRINT = "blueprint"
    CLI = "cli"
    REGISTRATION = "registration"


class Secret(msgspec.Struct, frozen=True):
    """A generated 256-bit secret, kept as its SHA-256 (32 bytes); `expires_at` None: no end.

    One that a blueprint declares is kept after it was rotated out, for as long as it is declared,
    so that the file does not bring it back.
    """

    digest: bytes
    created_at: Instant
    expires_at: Instant | None = None
    origin: Origin = Origin.CLI


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A registered client. `access` maps resource server names to the scopes it may have there."""

    id: ClientId
    name: str
    auth: ClientAuthMethod
    secrets: tuple[Secret, ...] = ()
    jwks: bytes | None = None
    access: dict[ResourceServerName, tuple[str, ...]]
    suspended: bool = False
    origin: Origin


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """A permission of one resource server; `lifetime` None: the resource server's."""

    description: str = ""
    low_risk: bool = False
    lifetime: Seconds | None = None


class ResourceServer(msgspec.Struct, frozen=True, kw_only=True):
    """A service that accepts tokens, named by one audience URI."""

    name: ResourceServerName
    audience: Audience
    scopes: dict[str, Scope]
    token_format: TokenFormat
    algorithm: Algorithm
    lifetime: Seconds
    leeway: Seconds
    fresh: Seconds
    reduced: Seconds
    survival: Seconds | None
    survival_scopes: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    origin: Origin


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who administers, with the SHA-256 of the token they present."""

    name: OperatorName
    token_digest: bytes
    duties: tuple[Duty, ...]
    origin: Origin


class LifetimeCeiling(msgspec.Struct, frozen=True, kw_only=True):
    """A longest token lifetime that some live token may still have, until `until` (None: in force).

    Lowering a lifetime keeps the old ceiling until the last token issued under it has expired, so
    that revocation records outlive every token they match (G-1).
    """

    resource_server: ResourceServerName
    lifetime: Seconds
    until: Instant | None


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """All that is small enough to be read whole: everything but clients."""

    resource_servers: tuple[ResourceServer, ...] = ()
    operators: tuple[Operator, ...] = ()
    ceilings: tuple[LifetimeCeiling, ...] = ()
