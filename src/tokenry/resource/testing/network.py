"""The testing issuer's network: a Fetcher that calls it instead of anything far away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tokenry.resource.http_client import (
    BodyTooLarge,
    FetchFailed,
    Headers,
    Response,
    StreamedResponse,
)

Answer = Callable[[str, str, Headers, bytes], Response]
"""(method, url, headers, body) → what the issuer answers."""
Greeting = Callable[[str, Headers], Response | tuple[bytes, ...]]
"""(url, headers) → the first blocks of a stream, or an answer that is none."""


class TestingNetwork:
    """Delivers requests to the issuer and blocks of its feed to whoever has a stream open.

    `offline` makes every request fail and every stream break; `holding` keeps back what is
    published, in `held`, until it is delivered by hand. `requests` lists method and URL of all
    that was asked. Safe to use from several threads.
    """

    __test__ = False  # not a test class, whatever its name makes pytest think

    def __init__(self, answer: Answer, greeting: Greeting) -> None:
        self._answer = answer
        self._greeting = greeting
        self._lock = threading.Lock()
        self._streams: list[_Stream] = []
        self.requests: list[tuple[str, str]] = []
        self.holding = False
        self.held: list[bytes] = []
        self._offline = False

    @property
    def offline(self) -> bool:
        """Whether the issuer cannot be reached."""
        return self._offline

    @offline.setter
    def offline(self, offline: bool) -> None:
        self._offline = offline
        if offline:
            self.break_streams()

    @property
    def open_streams(self) -> int:
        """How many verifiers are connected to the feed."""
        return len(self._streams)

    def publish(self, block: bytes, *, to: str | None = None) -> None:
        """Give a block to every open stream, or hold it back.

        `to` is the Authorization header of the streams that get it, all unless given.
        """
        if self.holding:
            self.held.append(block)
        else:
            self.deliver(block, to=to)

    def deliver(self, block: bytes, *, to: str | None = None) -> None:
        """Give a block to open streams now."""
        for stream in self._open():
            if to is None or to == stream.authorization:
                stream.put(block)

    def end_streams(self) -> None:
        """End every open stream, as an issuer that restarts does."""
        for stream in self._open():
            stream.put(None)

    def break_streams(self) -> None:
        """Break every open stream, as a network does."""
        for stream in self._open():
            stream.put(FetchFailed("the connection broke"))

    async def get(self, url: str, *, headers: Headers, limit: int) -> Response:
        """Ask the issuer."""
        return await self._ask("GET", url, headers, b"", limit)

    async def post(self, url: str, *, headers: Headers, body: bytes, limit: int) -> Response:
        """Ask the issuer."""
        return await self._ask("POST", url, headers, body, limit)

    @asynccontextmanager
    async def stream(self, url: str, *, headers: Headers) -> AsyncIterator[StreamedResponse]:
        """Open the issuer's feed."""
        await self._depart("GET", url)
        stream = _Stream(headers.get("authorization", ""))
        with self._lock:
            greeting = self._greeting(url, headers)
            if isinstance(greeting, tuple):
                for block in greeting:
                    stream.put(block)
                self._streams.append(stream)
        if isinstance(greeting, Response):
            yield StreamedResponse(greeting.status, greeting.headers, _no_chunks())
            return
        try:
            yield StreamedResponse(200, {"content-type": "text/event-stream"}, stream.chunks())
        finally:
            with self._lock:
                self._streams.remove(stream)

    async def close(self) -> None:
        """Do nothing: it belongs to the issuer."""

    async def _ask(
        self, method: str, url: str, headers: Headers, body: bytes, limit: int
    ) -> Response:
        await self._depart(method, url)
        answer = self._answer(method, url, headers, body)
        if len(answer.body) > limit:
            raise BodyTooLarge(f"{method} {url}: more than {limit} bytes")
        return answer

    async def _depart(self, method: str, url: str) -> None:
        with self._lock:
            self.requests.append((method, url))
        # As on a real network, other tasks run meanwhile.
        await asyncio.sleep(0)
        if self._offline:
            raise FetchFailed(f"{method} {url}: the network is down")

    def _open(self) -> list["_Stream"]:
        with self._lock:
            return list(self._streams)


class _Stream:
    """One open connection; blocks may be put from any thread."""

    def __init__(self, authorization: str) -> None:
        self.authorization = authorization
        self._loop = asyncio.get_running_loop()
        self._blocks: asyncio.Queue[bytes | FetchFailed | None] = asyncio.Queue()

    def put(self, block: bytes | FetchFailed | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._blocks.put_nowait, block)

    async def chunks(self) -> AsyncIterator[bytes]:
        while (block := await self._blocks.get()) is not None:
            if isinstance(block, FetchFailed):
                raise block
            yield block


async def _no_chunks() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk
