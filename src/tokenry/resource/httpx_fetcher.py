"""The default HTTP client: the only module of the SDK that imports httpx2 (`tokenry[http]`)."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Final

import httpx2

from tokenry.resource.http_client import (
    BodyTooLarge,
    FetchFailed,
    Headers,
    Response,
    StreamedResponse,
)

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 15.0
"""A feed that says nothing for so long is gone; it has a heartbeat each second."""
_FAULTS: Final = (httpx2.HTTPError, httpx2.InvalidURL, RuntimeError)
"""What the client raises for the network, for a URL it cannot use, and when it was closed."""
_LOOPBACK: Final = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class HttpxFetcher:
    """Fetches over one connection pool. `ssl_context` replaces the default verification.

    Proxies are those of the environment, but never for loopback: there http is allowed, and a
    proxy would read the credentials.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None) -> None:
        self._client = httpx2.AsyncClient(
            verify=_default_verification() if ssl_context is None else ssl_context,
            follow_redirects=False,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            mounts=dict.fromkeys(_LOOPBACK),
        )

    async def get(self, url: str, *, headers: Headers, limit: int) -> Response:
        """GET with a body of at most `limit` bytes."""
        return await self._whole("GET", url, headers, None, limit)

    async def post(self, url: str, *, headers: Headers, body: bytes, limit: int) -> Response:
        """POST `body`; the answer's body has at most `limit` bytes."""
        return await self._whole("POST", url, headers, body, limit)

    @asynccontextmanager
    async def stream(self, url: str, *, headers: Headers) -> AsyncIterator[StreamedResponse]:
        """GET a body that does not end by itself."""
        patience = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        try:
            request = self._client.build_request(
                "GET", url, headers=dict(headers), timeout=patience
            )
            answer = await self._client.send(request, stream=True)
        except _FAULTS as fault:
            raise FetchFailed(f"GET {url}: {fault!r}") from fault
        try:
            yield StreamedResponse(answer.status_code, _lowered(answer.headers), _chunks(answer))
        finally:
            await answer.aclose()

    async def close(self) -> None:
        """Release connections. Idempotent."""
        await self._client.aclose()

    async def _whole(
        self, method: str, url: str, headers: Headers, body: bytes | None, limit: int
    ) -> Response:
        try:
            async with self._client.stream(
                method, url, headers=dict(headers), content=body
            ) as answer:
                received = bytearray()
                async for chunk in answer.aiter_bytes():
                    received += chunk
                    if len(received) > limit:
                        raise BodyTooLarge(f"{method} {url}: more than {limit} bytes")
                return Response(answer.status_code, _lowered(answer.headers), bytes(received))
        except _FAULTS as fault:
            raise FetchFailed(f"{method} {url}: {fault!r}") from fault


async def _chunks(answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_bytes():
            yield chunk
    except _FAULTS as fault:
        raise FetchFailed(f"the stream broke: {fault!r}") from fault


@cache
def _default_verification() -> ssl.SSLContext:
    # One for the process: reading the certificate authorities takes some 100 milliseconds.
    return httpx2.create_ssl_context()


def _lowered(headers: httpx2.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
