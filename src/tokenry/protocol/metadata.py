"""Authorization server metadata (RFC 8414): what is true of this authority, and nothing else."""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from tokenry.jose import Algorithm
from tokenry.vocabulary.claims import CLIENT_CREDENTIALS
from tokenry.vocabulary.identifiers import IssuerUrl

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"

_CLIENT_METHODS: Final = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
_ASSERTION_ALGORITHMS: Final = [algorithm.value for algorithm in Algorithm]


def issuer_path(issuer: IssuerUrl) -> str:
    """Return the path of an issuer URL without a trailing slash; empty when it has none."""
    return urlsplit(issuer).path.rstrip("/")


def well_known_path(issuer: IssuerUrl, well_known: str = WELL_KNOWN) -> str:
    """Return where the metadata is served: the well-known segment goes *before* the issuer's path.

    RFC 8414 §3.1, which asks for a trailing slash of the issuer to be dropped first.
    """
    return well_known + issuer_path(issuer)


def authorization_server_metadata(issuer: IssuerUrl) -> dict[str, object]:
    """Return the members of RFC 8414 §2 that hold for this authority, and the feed's.

    `response_types_supported` is required and empty: there is no authorization endpoint. Scopes are
    not listed: which services stand behind the authority is nobody's business.
    """
    at = issuer.rstrip("/")
    return {
        "issuer": issuer,
        "token_endpoint": f"{at}/token",
        "revocation_endpoint": f"{at}/revoke",
        "introspection_endpoint": f"{at}/introspect",
        "jwks_uri": f"{at}/jwks",
        "grant_types_supported": [CLIENT_CREDENTIALS],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": _CLIENT_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": _ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": _CLIENT_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": _ASSERTION_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "tokenry_feed_endpoint": f"{at}/feed",
        "tokenry_feed_jwks_uri": f"{at}/feed/jwks",
        "tokenry_feed_range_endpoint": f"{at}/feed/range",
        "tokenry_feed_snapshot_endpoint": f"{at}/feed/snapshot",
        "tokenry_feed_position_endpoint": f"{at}/feed/position",
    }


def encode_metadata(issuer: IssuerUrl) -> bytes:
    """Return the metadata document."""
    return msgspec.json.encode(authorization_server_metadata(issuer))
