"""HTTP as the SDK needs it: a port, so that a service can bring its own client.

Without one, the default client is used; it comes with the `http` extra. No implementation
follows redirects: metadata names every endpoint, and credentials go nowhere else.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from urllib.parse import quote_plus

import msgspec

from tokenry.vocabulary.errors import InfrastructureFailure

Headers = Mapping[str, str]


class FetchFailed(InfrastructureFailure):
    """No usable answer: connection, TLS, time-out, or a body beyond its bound."""


class BodyTooLarge(FetchFailed):
    """The answer's body is beyond the caller's bound."""


class MissingHttpClient(ImportError):
    """No fetcher was given and the default client is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "following an issuer needs an HTTP client: "
            'pip install "tokenry[http]", or give Verifier a fetcher'
        )


class Response(msgspec.Struct, frozen=True):
    """A whole answer. Header names are lower case; a body never exceeds the caller's limit."""

    status: int
    headers: Headers
    body: bytes


class StreamedResponse(msgspec.Struct, frozen=True):
    """An answer whose body is still arriving, in chunks of any size."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]


class Fetcher(Protocol):
    """Sends requests. Every method raises FetchFailed, and nothing else for the network's faults.

    Used from one event loop at a time.
    """

    async def get(self, url: str, *, headers: Headers, limit: int) -> Response:
        """GET with a body of at most `limit` bytes."""

    async def post(self, url: str, *, headers: Headers, body: bytes, limit: int) -> Response:
        """POST `body`; the answer's body has at most `limit` bytes."""

    def stream(
        self, url: str, *, headers: Headers
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """GET a body that does not end by itself."""

    async def close(self) -> None:
        """Release connections. Idempotent."""


class Credentials(msgspec.Struct, frozen=True):
    """The name and secret of a resource server at its issuer (RFC 6749 §2.3.1)."""

    name: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials({self.name!r}, ...)"

    def authorization(self) -> str:
        """Return the value of the Authorization header."""
        pair = f"{quote_plus(self.name)}:{quote_plus(self.secret)}"
        return "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")


def default_fetcher() -> Fetcher:
    """Return a fetcher on the client of the `http` extra. Raises MissingHttpClient."""
    try:
        from tokenry.resource.httpx_fetcher import HttpxFetcher
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "tokenry":
            raise  # a fault of ours, which no extra would mend
        raise MissingHttpClient from missing
    return HttpxFetcher()
