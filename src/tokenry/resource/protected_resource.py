"""The document by which a service says whose tokens it takes (RFC 9728)."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tokenry.vocabulary.identifiers import Audience, IssuerUrl

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


def metadata_path(audience: Audience) -> str | None:
    """Return the path of the document; None for an audience that is no http(s) URL.

    Well-known stands between host and path (RFC 9728 §3.1).
    """
    parts = urlsplit(audience)
    if parts.scheme not in {"https", "http"} or not parts.netloc or parts.query:
        return None
    return WELL_KNOWN + ("" if parts.path == "/" else parts.path)


def metadata_url(audience: Audience) -> str | None:
    """Return the URL of the document; None for an audience that is no http(s) URL."""
    path = metadata_path(audience)
    if path is None:
        return None
    parts = urlsplit(audience)
    return f"{parts.scheme}://{parts.netloc}{path}"


def metadata_document(
    *,
    audience: Audience,
    issuer: IssuerUrl,
    scopes: Collection[str] = (),
    resource_name: str | None = None,
    resource_documentation: str | None = None,
) -> bytes:
    """Return the document. `resource` is the audience byte for byte (RFC 9728 §3.3)."""
    document: dict[str, object] = {
        "resource": audience,
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
    }
    if scopes:
        document["scopes_supported"] = sorted(scopes)
    if resource_name is not None:
        document["resource_name"] = resource_name
    if resource_documentation is not None:
        document["resource_documentation"] = resource_documentation
    return msgspec.json.encode(document)
