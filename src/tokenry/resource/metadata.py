"""What an issuer publishes about itself, and where (RFC 8414), as far as a verifier needs it."""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from tokenry.jose import MalformedJson, parse_object
from tokenry.vocabulary.identifiers import IssuerUrl

MAX_METADATA_BYTES: Final = 256 * 1024

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class MetadataRefused(ValueError):
    """The document is not this issuer's, or cannot be used."""


class AuthorityMetadata(msgspec.Struct, frozen=True):
    """The endpoints a verifier uses. `introspection` is None where there is none."""

    issuer: IssuerUrl
    jwks: str
    introspection: str | None
    feed: str
    feed_jwks: str
    feed_range: str
    feed_snapshot: str
    feed_position: str


_ENDPOINTS: Final = {
    "jwks": "jwks_uri",
    "feed": "tokenry_feed_endpoint",
    "feed_jwks": "tokenry_feed_jwks_uri",
    "feed_range": "tokenry_feed_range_endpoint",
    "feed_snapshot": "tokenry_feed_snapshot_endpoint",
    "feed_position": "tokenry_feed_position_endpoint",
}


def metadata_url(issuer: IssuerUrl) -> str:
    """Return where an issuer's metadata is: well-known between host and path (RFC 8414 §3.1)."""
    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"


def require_secure(url: str) -> str:
    """Return a URL to which credentials may go: https, or http on this machine alone.

    Raises ValueError.
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError(f"expected an absolute URL without user and fragment, found {url!r}")
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise ValueError(f"expected https (http only on loopback), found {url!r}")


def parse_authority_metadata(document: bytes, *, issuer: IssuerUrl) -> AuthorityMetadata:
    """Read the document published for `issuer`. Raises MetadataRefused.

    Its `issuer` must be the expected one, byte for byte (RFC 8414 §3.3).
    """
    try:
        members = parse_object(document)
    except MalformedJson as malformed:
        raise MetadataRefused(str(malformed)) from None
    if members.get("issuer") != issuer:
        raise MetadataRefused(f"expected the metadata of {issuer!r}")
    asks = "introspection_endpoint" in members
    return AuthorityMetadata(
        issuer=issuer,
        introspection=_endpoint(members, "introspection_endpoint") if asks else None,
        **{field: _endpoint(members, member) for field, member in _ENDPOINTS.items()},
    )


def _endpoint(members: dict[str, object], name: str) -> str:
    url = members.get(name)
    if not isinstance(url, str):
        raise MetadataRefused(f"expected {name} to be a URL")
    try:
        return require_secure(url)
    except ValueError as insecure:
        raise MetadataRefused(f"{name}: {insecure}") from None
