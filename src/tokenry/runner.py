"""Owns listeners, signals and the order in which everything stops.

Two `uvicorn.Server`s in one loop would each take the signals and drain one after the other, and the
re-raised SIGTERM would end the process before the store has closed. So the servers here take no
signals: the runner does, tells open streams to end, drains all listeners together, stops the
background work, and only then returns to its caller, who closes the store.
"""

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec
import uvicorn

from tokenry.vocabulary.instant import Seconds
from tokenry.web.bounded_http import BoundedHttp

Application = Callable[..., Awaitable[None]]
BackgroundTask = Callable[[], Awaitable[None]]

DRAIN_SECONDS = Seconds(10)
MAX_CONNECTIONS = 16_384


class CannotListen(Exception):
    """An address cannot be bound or its certificate cannot be used; says which and what to do."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """One address and what answers there. Port 0 takes a free one."""

    name: str
    application: Application
    host: str
    port: int
    certificate: str | None = None
    key: str | None = None


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the runner."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(listener: Listener) -> socket.socket:
    """Bind a listener's address now, so that a taken port is an error before anything starts.

    Raises CannotListen.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(address)
            bound.setblocking(False)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise CannotListen(
            f"the {listener.name} listener cannot use {listener.host}:{listener.port}:"
            f" {error.strerror or error}; free the address or set another in"
            f" [listeners.{listener.name}]"
        ) from error
    return bound


def tls_context(listener: Listener) -> ssl.SSLContext | None:
    """Return a TLS 1.3 context for a listener with a certificate (R-15), None for one without.

    Raises CannotListen when certificate or key cannot be read or do not belong together.
    """
    if listener.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(listener.certificate, listener.key)
    except (OSError, ssl.SSLError) as error:
        raise CannotListen(
            f"the {listener.name} listener cannot use certificate {listener.certificate} with key"
            f" {listener.key}: {error}; both must be readable PEM files that belong together"
        ) from error
    return context


def _server_for(listener: Listener) -> _Server:
    context = tls_context(listener)
    config = uvicorn.Config(
        listener.application,
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=75,
    )
    if context is not None:
        # The factory is what allows TLS 1.3 alone; uvicorn's own options cannot say that.
        config.ssl_context_factory = lambda _config, _default: context
    config.load()
    return _Server(config)


async def run(
    listeners: Sequence[Listener],
    *,
    background: Sequence[BackgroundTask],
    ready: Callable[[dict[str, int]], None],
    reload: Callable[[], Awaitable[None]],
    drain: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then stop in order; SIGHUP calls `reload`.

    `ready` is told the bound port of each listener by name. `drain` must end open streams: it is
    called before listeners wait for their connections. A background task that ends by itself is a
    defect: everything is stopped in order and its error raised. Raises CannotListen.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    def on_hangup() -> None:
        task = loop.create_task(_reload_quietly(reload))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    sockets: list[socket.socket] = []
    try:
        servers = [_server_for(listener) for listener in listeners]
        sockets.extend(bind(listener) for listener in listeners)
    except CannotListen:
        for bound in sockets:
            bound.close()
        raise
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)

    work: list[asyncio.Future[Any]] = [asyncio.ensure_future(task()) for task in background]
    serving: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(server.serve(sockets=[bound]))
        for server, bound in zip(servers, sockets, strict=True)
    ]
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    try:
        while not all(server.started for server in servers):
            if any(task.done() for task in serving):
                break
            await asyncio.sleep(0.005)
        ready(
            {
                listener.name: bound.getsockname()[1]
                for listener, bound in zip(listeners, sockets, strict=True)
            }
        )
        done, _ = await asyncio.wait(
            [stopping, *work, *serving], return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        stopping.cancel()
        drain()
        for server in servers:
            server.should_exit = True
        # A second signal gives up on draining.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _force, servers)
        results: list[Any] = await asyncio.gather(*serving, return_exceptions=True)
        for task in [*work, *reloads]:
            task.cancel()
        results += await asyncio.gather(*work, *reloads, return_exceptions=True)
    for task in done:
        if task is not stopping:
            task.result()
    for result in results:
        if isinstance(result, Exception):
            raise result


def _force(servers: Sequence[uvicorn.Server]) -> None:
    for server in servers:
        server.force_exit = True


async def _reload_quietly(reload: Callable[[], Awaitable[None]]) -> None:
    # `reload` reports its own errors: a wrong file must not stop a serving authority.
    await reload()
