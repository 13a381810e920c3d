"""What listens to a feed while P-6 is measured: verifiers, and sockets that only look.

Each process runs many of one sort and tells its parent, over a pipe, when each of them knew. The
clock is CLOCK_MONOTONIC, which is one for all processes of a machine.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection

import uvloop

from benchmarks.authority import AUDIENCE, Authority, basic
from tokenry.resource import Credentials, PresentedRequest, TokenRefused, Verifier
from tokenry.resource.httpx_fetcher import HttpxFetcher
from tokenry.vocabulary.sequence import SequenceNumber

Start = Callable[[Authority, AsyncExitStack], Awaitable["Watch"]]
Watch = Callable[[str], Awaitable[Awaitable[int]]]
"""Begins to watch a token; what it returns ends with the nanosecond its revocation was known."""


def listen(pipe: Connection, authority: Authority, kind: str, count: int) -> None:
    """Body of a process: `kind` is `verifiers` or `sockets`; ends when it is sent an empty token.

    For each token received: answers True when all watch, and then the list of nanoseconds.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as running:
        running.run(_listen(pipe, authority, kind, count))


async def _listen(pipe: Connection, authority: Authority, kind: str, count: int) -> None:
    async with AsyncExitStack() as stack:
        start = _verifiers() if kind == "verifiers" else _socket
        watches = [await start(authority, stack) for _ in range(count)]
        pipe.send(True)
        while token := await asyncio.to_thread(pipe.recv):
            watching = [asyncio.ensure_future(await watch(token)) for watch in watches]
            pipe.send(True)
            pipe.send(await asyncio.gather(*watching))


def _verifiers() -> Start:
    # Reading the certificates of the world is most of a start, and once for a process enough.
    shared = ssl.create_default_context()

    async def start(authority: Authority, stack: AsyncExitStack) -> Watch:
        fetcher = HttpxFetcher(ssl_context=shared)
        stack.push_async_callback(fetcher.close)
        verifier = Verifier(
            issuer=authority.issuer,
            audience=AUDIENCE,
            credentials=Credentials("orders", authority.service_secret),
            fetcher=fetcher,
        )
        return _watching(await stack.enter_async_context(verifier))

    return start


def _watching(verifier: Verifier) -> Watch:

    async def watch(token: str) -> Awaitable[int]:
        request = PresentedRequest("GET", AUDIENCE, [("authorization", f"Bearer {token}")])
        head = verifier.head
        assert head is not None, "not synchronized"
        await verifier.verify(request)
        return refused(request, head)

    async def refused(request: PresentedRequest, head: int) -> int:
        """Ask again after each record that is applied; what counts is that `verify` refuses."""
        while True:
            head += 1
            await verifier.applied(SequenceNumber(head))
            try:
                await verifier.verify(request)
            except TokenRefused:
                return time.monotonic_ns()

    return watch


async def _socket(authority: Authority, stack: AsyncExitStack) -> Watch:
    loop = asyncio.get_running_loop()
    watcher = _FrameWatcher()
    transport, _ = await loop.create_connection(lambda: watcher, "127.0.0.1", authority.public_port)
    stack.callback(transport.close)
    credentials = basic("orders", authority.service_secret)
    transport.write(
        f"GET /feed HTTP/1.1\r\nhost: 127.0.0.1:{authority.public_port}\r\n"
        f"authorization: {credentials}\r\n\r\n".encode()
    )
    await watcher.next_frame()  # the one that says where the head is

    async def watch(_token: str) -> Awaitable[int]:
        return watcher.next_frame()

    return watch


class _FrameWatcher(asyncio.Protocol):
    """Notes when a frame came in; reads nothing of it."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[int] | None = None

    def next_frame(self) -> asyncio.Future[int]:
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def data_received(self, data: bytes) -> None:
        if b"event: frame" in data and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(time.monotonic_ns())
