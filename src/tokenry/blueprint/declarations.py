"""What a blueprint declares: frozen types, with the bounds and words that everything else reads.

A blueprint seeds; the store is the truth (R-51). The description of each field is the sentence that
the reference page shows, its bounds are what parsing enforces, and `expected` in `extra` is how an
error names them. Durations are whole seconds. Rules that span fields are in `checks`.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tokenry.vocabulary.bounds import MAX_LEEWAY, MAX_SCOPES, MAX_TOKEN_LIFETIME
from tokenry.vocabulary.instant import Seconds

DEFAULT_TOKEN_LIFETIME: Final = Seconds(300)
DEFAULT_LEEWAY: Final = Seconds(5)
DEFAULT_JWKS_MAX_AGE: Final = Seconds(300)
MAX_DECLARED_SECRETS: Final = 8

Algorithm = Literal["ES256", "Ed25519", "RS256"]
TokenFormat = Literal["jwt", "opaque"]
ClientAuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
Duty = Literal["clients", "revoke", "keys", "audit", "feed"]

# Every pattern is anchored with \Z as well: "$" would let a trailing line feed through.
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}\Z",
        extra={"expected": "a name of up to 63 characters a-z, 0-9, _ and -"},
    ),
]
ClientName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}\Z",
        extra={
            "expected": "a client id of up to 128 characters A-Z, a-z, 0-9, . _ ~ and -,"
            " not beginning with a dot"
        },
    ),
]
ScopeName = Annotated[
    str,
    Meta(
        pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}\Z",
        extra={
            "expected": "a scope of up to 128 printable ASCII characters"
            " without spaces, quotes and backslashes (RFC 6749 §3.3)"
        },
    ),
]
AudienceUri = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+\Z",
        max_length=512,
        extra={"expected": "an absolute URI without a fragment (RFC 8707 §2)"},
    ),
]
Sha256Hex = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}\Z",
        extra={
            "expected": "the SHA-256 of the secret in 64 lower-case hex digits",
            "secret": True,
        },
    ),
]
Text = Annotated[str, Meta(max_length=256, extra={"expected": "a text of at most 256 characters"})]
Lifetime = Annotated[int, Meta(ge=1, le=MAX_TOKEN_LIFETIME)]


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every declaration refuses keys it does not know."""


class IssuerDeclaration(Declaration, frozen=True, kw_only=True):
    """Who signs."""

    url: Annotated[
        Annotated[str, Meta(max_length=512)],
        Meta(
            description="The issuer identifier: an https URL without query, fragment or trailing"
            " slash. Tokens carry it as `iss`, and it is compared byte for byte (RFC 8414 §2)."
        ),
    ]
    unsafe_http_on_loopback: Annotated[
        bool,
        Meta(
            description="Allow an http issuer on a loopback address, for development and tests."
            " Tokens then travel unprotected on this machine."
        ),
    ] = False


class ListenerDeclaration(Declaration, frozen=True, kw_only=True):
    """One address where the authority answers."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=253,
            description="The address to listen on. Anything but loopback needs TLS here, or a"
            " trusted proxy in front.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="The TCP port; 0 takes a free one and says which.")
    ]
    certificate: Annotated[
        str | None,
        Meta(
            description="PEM file with the certificate chain for TLS, relative to this file."
            " Goes together with `key`."
        ),
    ] = None
    key: Annotated[
        str | None, Meta(description="PEM file with the private key of `certificate`.")
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            max_length=32,
            description="Addresses or networks of proxies whose `Forwarded` and `X-Forwarded-*`"
            " headers are believed. From anyone else they are ignored.",
        ),
    ] = ()
    proxy_prefix: Annotated[
        str,
        Meta(
            max_length=256,
            description="Path that a trusted proxy strips before it passes a request on, such as"
            " `/auth`.",
        ),
    ] = ""


class ListenersDeclaration(Declaration, frozen=True, kw_only=True):
    """Where the authority answers."""

    public: Annotated[
        ListenerDeclaration,
        Meta(
            description="The address for clients and resource servers: tokens, metadata, the feed."
            " Without this table: port 8400 on loopback."
        ),
    ] = ListenerDeclaration(port=8400)
    admin: Annotated[
        ListenerDeclaration,
        Meta(
            description="The address for operators: health, metrics and the admin API. Keep it"
            " private. Without this table: port 8401 on loopback."
        ),
    ] = ListenerDeclaration(port=8401)


class KeysDeclaration(Declaration, frozen=True, kw_only=True):
    """Signing keys of tokens. Feed keys are always ES256 and need no choice."""

    jwks_max_age: Annotated[
        int,
        Meta(
            ge=1,
            le=86400,
            description="How long verifiers may cache the key set, in seconds. A new key is"
            " announced this long before it signs (G-5).",
        ),
    ] = DEFAULT_JWKS_MAX_AGE


class ScopeDeclaration(Declaration, frozen=True, kw_only=True):
    """One permission of a resource server."""

    description: Annotated[Text, Meta(description="What the permission allows, for people.")] = ""
    low_risk: Annotated[
        bool,
        Meta(
            description="Still allowed while a verifier's view is older than `tiers.fresh` and"
            " not older than `tiers.reduced`."
        ),
    ] = False
    lifetime: Annotated[
        Lifetime | None,
        Meta(
            description="Seconds that a token with this scope lives, at most the resource"
            " server's `lifetime`. Absent: the resource server's."
        ),
    ] = None
    shared: Annotated[
        bool,
        Meta(
            description="Other resource servers may declare a scope of the same name, if they"
            " mark it too. A request for a shared scope must name its `resource`."
        ),
    ] = False


class TiersDeclaration(Declaration, frozen=True, kw_only=True):
    """What a verifier still allows, by the age of its view of revocations (G-1)."""

    fresh: Annotated[
        int, Meta(ge=1, le=86400, description="Up to this many seconds: everything.")
    ] = 5
    reduced: Annotated[
        int,
        Meta(
            ge=1,
            le=86400,
            description="Up to this many seconds: scopes marked `low_risk`. Not below `fresh`.",
        ),
    ] = 60
    survival: Annotated[
        Annotated[int, Meta(ge=1, le=86400)] | None,
        Meta(
            description="Up to this many seconds: `survival_scopes` alone; beyond it nothing. Not"
            " below `reduced`. Absent: the longest token lifetime, or `reduced` if that is longer."
        ),
    ] = None
    survival_scopes: Annotated[
        tuple[ScopeName, ...],
        Meta(
            max_length=MAX_SCOPES,
            description="Scopes of this resource server that survive a long outage.",
        ),
    ] = ()


class ResourceServerDeclaration(Declaration, frozen=True, kw_only=True):
    """A service that accepts tokens."""

    audience: Annotated[
        AudienceUri,
        Meta(
            description="The absolute URI that names the service in `resource` and in `aud`."
            " Compared byte for byte; no two resource servers share one. Changing it revokes all"
            " tokens for the old one."
        ),
    ]
    scopes: Annotated[
        dict[ScopeName, ScopeDeclaration],
        Meta(description="The permissions of the service, by name. At least one."),
    ]
    token_format: Annotated[
        TokenFormat,
        Meta(
            description="`jwt`: verified locally (RFC 9068). `opaque`: a reference that the"
            " service introspects (RFC 7662)."
        ),
    ] = "jwt"
    algorithm: Annotated[Algorithm, Meta(description="How its JWT tokens are signed.")] = "ES256"
    lifetime: Annotated[
        Lifetime,
        Meta(
            description="Seconds that its tokens live; a scope may shorten it. Lowering it keeps"
            " the old ceiling until the last token issued under it has expired."
        ),
    ] = DEFAULT_TOKEN_LIFETIME
    leeway: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_LEEWAY,
            description="Seconds by which its verifiers' clocks may differ from the authority's.",
        ),
    ] = DEFAULT_LEEWAY
    tiers: Annotated[
        TiersDeclaration,
        Meta(description="What its verifiers still allow, by the age of their view (G-1)."),
    ] = TiersDeclaration()
    secret_sha256: Annotated[
        tuple[Sha256Hex, ...],
        Meta(
            max_length=MAX_DECLARED_SECRETS,
            description="SHA-256 of each secret the service may use at the feed and at"
            " introspection, in hex. More than one: they overlap. None: it can only verify"
            " tokens that need neither.",
        ),
    ] = ()


class ClientDeclaration(Declaration, frozen=True, kw_only=True):
    """Who asks for tokens."""

    name: Annotated[Text, Meta(description="What people call it.")] = ""
    auth: Annotated[
        ClientAuthMethod,
        Meta(description="How it authenticates at the token endpoint (RFC 7591 §2)."),
    ] = "client_secret_basic"
    secret_sha256: Annotated[
        tuple[Sha256Hex, ...],
        Meta(
            max_length=MAX_DECLARED_SECRETS,
            description="SHA-256 of each of its secrets, in hex. More than one: they overlap. They"
            " seed: secrets made with `tokenry client rotate-secret` are kept beside them, and one"
            " that was rotated out stays out.",
        ),
    ] = ()
    jwks_file: Annotated[
        str | None,
        Meta(
            description="JSON file with its public keys (RFC 7517), relative to this file. Only"
            " for `private_key_jwt`, and needed there."
        ),
    ] = None
    access: Annotated[
        dict[Name, tuple[ScopeName, ...]],
        Meta(
            description="Which scopes it may have, by resource server. None is granted that is"
            " not listed."
        ),
    ] = {}


class OperatorDeclaration(Declaration, frozen=True, kw_only=True):
    """Who may administer, and what."""

    token_sha256: Annotated[Sha256Hex, Meta(description="SHA-256 of the operator's token, in hex.")]
    duties: Annotated[
        tuple[Duty, ...],
        Meta(
            min_length=1,
            description="What the operator may do: `clients` (add, suspend, rotate, remove),"
            " `revoke`, `keys` (list, rotate), `audit` (read) and `feed` (read).",
        ),
    ]


class Blueprint(Declaration, frozen=True, kw_only=True):
    """A whole file."""

    issuer: Annotated[IssuerDeclaration, Meta(description="Who signs.")]
    listeners: Annotated[ListenersDeclaration, Meta(description="Where the authority answers.")] = (
        ListenersDeclaration()
    )
    keys: Annotated[
        KeysDeclaration,
        Meta(description="Signing keys of tokens. Feed keys are ES256 and need no choice."),
    ] = KeysDeclaration()
    resource_servers: Annotated[
        dict[Name, ResourceServerDeclaration],
        Meta(
            description="Services that accept tokens, by the name they authenticate with. One"
            " that is no longer declared is removed, and all tokens for it are revoked."
        ),
    ] = {}
    clients: Annotated[
        dict[ClientName, ClientDeclaration],
        Meta(
            description="Who asks for tokens, by `client_id`. One that is no longer declared is"
            " removed, and all its tokens are revoked."
        ),
    ] = {}
    operators: Annotated[
        dict[Name, OperatorDeclaration], Meta(description="Who may administer, by name.")
    ] = {}
