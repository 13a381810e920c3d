"""The default HTTP client: the only module of the SDK that imports httpx2 (`tokenry[http]`)."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


class HttpxFetcher:
    """Fetches over one connection pool. `ssl_context` replaces the default verification."""

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None) -> None:
        self._client = httpx2.AsyncClient(
            verify=True if ssl_context is None else ssl_context,
            follow_redirects=False,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
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
            async with self._client.stream(
                "GET", url, headers=dict(headers), timeout=patience
            ) as answer:
                yield StreamedResponse(
                    answer.status_code, _lowered(answer.headers), _chunks(answer)
                )
        except httpx2.HTTPError as fault:
            raise FetchFailed(f"GET {url}: {fault!r}") from fault

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
        except httpx2.HTTPError as fault:
            raise FetchFailed(f"{method} {url}: {fault!r}") from fault


async def _chunks(answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_bytes():
            yield chunk
    except httpx2.HTTPError as fault:
        raise FetchFailed(f"the stream broke: {fault!r}") from fault


def _lowered(headers: httpx2.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
