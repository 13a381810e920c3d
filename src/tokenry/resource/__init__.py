"""The SDK: what a service embeds to verify tokens locally and to refuse revoked ones at once.

Owns the decision about a request, the keys and the feed it is made from, and the challenges that
say no. It refuses whatever it cannot prove (G-7), makes no call per request, and never waits on
the way of a token it has seen. Needs cryptography and msgspec; the default HTTP client comes with
`tokenry[http]`.

Read `decision` next for the numbered steps, then `verifier`, `feed_follower`, `knowledge`.
`adapters` has the frameworks, `sync` the form for threads, `testing` the issuer for a service's
own tests.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenry.feed.staleness import Tier
    from tokenry.resource.adapters.asgi import TokenryMiddleware, require
    from tokenry.resource.http_client import (
        Credentials,
        Fetcher,
        FetchFailed,
        MissingHttpClient,
        Response,
        StreamedResponse,
    )
    from tokenry.resource.presented import PresentedRequest
    from tokenry.resource.refusal import Reason, TokenRefused
    from tokenry.resource.sync import SyncVerifier
    from tokenry.resource.verified import VerifiedToken
    from tokenry.resource.verifier import Verifier

__all__ = [
    "Credentials",
    "FetchFailed",
    "Fetcher",
    "MissingHttpClient",
    "PresentedRequest",
    "Reason",
    "Response",
    "StreamedResponse",
    "SyncVerifier",
    "Tier",
    "TokenRefused",
    "TokenryMiddleware",
    "VerifiedToken",
    "Verifier",
    "require",
]

_FOUND_IN = {
    "Credentials": "tokenry.resource.http_client",
    "FetchFailed": "tokenry.resource.http_client",
    "Fetcher": "tokenry.resource.http_client",
    "MissingHttpClient": "tokenry.resource.http_client",
    "PresentedRequest": "tokenry.resource.presented",
    "Reason": "tokenry.resource.refusal",
    "Response": "tokenry.resource.http_client",
    "StreamedResponse": "tokenry.resource.http_client",
    "SyncVerifier": "tokenry.resource.sync",
    "Tier": "tokenry.feed.staleness",
    "TokenRefused": "tokenry.resource.refusal",
    "TokenryMiddleware": "tokenry.resource.adapters.asgi",
    "VerifiedToken": "tokenry.resource.verified",
    "Verifier": "tokenry.resource.verifier",
    "require": "tokenry.resource.adapters.asgi",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, when it is: a service pays for what it uses (P-8)."""
    if name not in _FOUND_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_FOUND_IN[name]), name)
    globals()[name] = found
    return found
