"""What a blueprint declares: frozen types, with the defaults that the reference page lists (R-51).

A blueprint seeds; the store is the truth. Each field's docstring comment here is the sentence that
the generated reference shows. Durations are whole seconds.
"""

from typing import Annotated, Literal

import msgspec

from tokenry.vocabulary.instant import Seconds

Positive = Annotated[int, msgspec.Meta(ge=1)]
Algorithm = Literal["ES256", "Ed25519", "RS256"]
TokenFormat = Literal["jwt", "opaque"]
ClientAuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
Duty = Literal["clients", "revoke", "keys", "audit", "feed"]

DEFAULT_TOKEN_LIFETIME = Seconds(300)
DEFAULT_LEEWAY = Seconds(5)
DEFAULT_JWKS_MAX_AGE = Seconds(300)


class _Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every declaration refuses keys it does not know."""


class IssuerDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[issuer]`: who signs."""

    url: str
    unsafe_http_on_loopback: bool = False


class ListenerDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[listeners.public]` and `[listeners.admin]`: where the authority answers."""

    host: str = "127.0.0.1"
    port: int
    certificate: str | None = None
    key: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    proxy_prefix: str = ""


class ListenersDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[listeners]`."""

    public: ListenerDeclaration = ListenerDeclaration(port=8400)
    admin: ListenerDeclaration = ListenerDeclaration(port=8401)


class KeysDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[keys]`: signing keys of tokens; feed keys are always ES256 and need no choice."""

    jwks_max_age: Positive = DEFAULT_JWKS_MAX_AGE


class ScopeDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[resource_servers.NAME.scopes.SCOPE]`: one permission."""

    description: str = ""
    low_risk: bool = False
    lifetime: Positive | None = None


class TiersDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[resource_servers.NAME.tiers]`: what staleness allows (G-1)."""

    fresh: Positive = 5
    reduced: Positive = 60
    survival: Positive | None = None
    survival_scopes: tuple[str, ...] = ()


class ResourceServerDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[resource_servers.NAME]`: a service that accepts tokens."""

    audience: str
    scopes: dict[str, ScopeDeclaration]
    token_format: TokenFormat = "jwt"
    algorithm: Algorithm = "ES256"
    lifetime: Positive = DEFAULT_TOKEN_LIFETIME
    leeway: Annotated[int, msgspec.Meta(ge=0, le=60)] = DEFAULT_LEEWAY
    tiers: TiersDeclaration = TiersDeclaration()
    secret_sha256: tuple[str, ...] = ()


class ClientDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[clients.ID]`: who asks for tokens."""

    name: str = ""
    auth: ClientAuthMethod = "client_secret_basic"
    secret_sha256: tuple[str, ...] = ()
    jwks_file: str | None = None
    access: dict[str, tuple[str, ...]] = {}


class OperatorDeclaration(_Declaration, frozen=True, kw_only=True):
    """`[operators.NAME]`: who may administer, and what."""

    token_sha256: str
    duties: tuple[Duty, ...]


class Blueprint(_Declaration, frozen=True, kw_only=True):
    """A whole file."""

    issuer: IssuerDeclaration
    listeners: ListenersDeclaration = ListenersDeclaration()
    keys: KeysDeclaration = KeysDeclaration()
    resource_servers: dict[str, ResourceServerDeclaration] = {}
    clients: dict[str, ClientDeclaration] = {}
    operators: dict[str, OperatorDeclaration] = {}
