"""The feed over HTTP: in memory, a message at a time, or behind the real server."""

import asyncio
import base64
import contextlib
import socket

import anyio
import uvicorn

from support.feed_node import ISSUER, ORDERS, SECRET
from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.authority.facts import IssuerFacts
from tokenry.authority.feed_positions import FeedPositions
from tokenry.ports.events import UNHEARD
from tokenry.web.bounded_http import ABORT, BoundedHttp
from tokenry.web.feed import FeedEndpoints
from tokenry.web.jwks import JwksEndpoint
from tokenry.web.public import GET, POST, STREAM, PublicApplication, Route, issuer_routes

BASIC = "Basic " + base64.b64encode(f"{ORDERS}:{SECRET}".encode()).decode()


class Site:
    """The public application with the feed's endpoints."""

    def __init__(self, node):
        self.node = node
        self.positions = FeedPositions(clock=node.clock)
        facts = IssuerFacts(issuer=ISSUER, store=node.store, clock=node.clock)
        node.publisher.observers.append(facts.observe)
        self.endpoints = FeedEndpoints(
            publisher=node.publisher,
            positions=self.positions,
            key_ring=node.ring,
            authentication=ResourceServerAuthentication(facts=facts, clock=node.clock),
            clock=node.clock,
            entropy=bytes,
            events=UNHEARD,
        )
        at = self.endpoints
        below = {
            "/feed": Route("feed", at.stream, STREAM, stream=True),
            "/feed/range": Route("feed_range", at.range, GET),
            "/feed/snapshot": Route("feed_snapshot", at.snapshot, GET),
            "/feed/position": Route("feed_position", at.position, POST),
            "/feed/jwks": Route("feed_jwks", at.jwks, GET, cors=True),
            "/jwks": Route("jwks", JwksEndpoint(node.ring.jwks, max_age=300), GET, cors=True),
        }
        self.application = PublicApplication(
            issuer_routes(ISSUER, below), entropy=bytes, events=UNHEARD
        )

    def request(self, path, *, method="GET", body=b"", authorization=BASIC, **headers):
        return Request(self.application, path, method, body, authorization, headers)


class Request:
    """One request as a server would make it; a stream is read block by block."""

    def __init__(self, application, path, method, body, authorization, headers):
        path, _, query = path.partition("?")
        if authorization is not None:
            headers = {"authorization": authorization, **headers}
        self._scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
            "state": {},
        }
        self._application = application
        self._incoming = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self._outgoing = asyncio.Queue()
        self.status = None
        self.headers = {}

    def aborted_by(self, abort):
        self._scope["state"][ABORT] = abort
        return self

    async def answer(self):
        """Run to the end; return the whole body."""
        await self._application(self._scope, self._incoming.get, self._outgoing.put)
        pieces = []
        while not self._outgoing.empty():
            pieces.append(await self.block())
        return b"".join(pieces)

    def stream(self):
        self.task = asyncio.create_task(
            self._application(self._scope, self._incoming.get, self._outgoing.put)
        )
        return self

    async def block(self):
        message = await self._outgoing.get()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            message = await self._outgoing.get()
        self.ended = not message.get("more_body", False)
        return message.get("body", b"")

    def leave(self):
        self._incoming.put_nowait({"type": "http.disconnect"})


@contextlib.asynccontextmanager
async def served(site):
    """The site behind the server that is used in production, and a way to stop it."""
    config = uvicorn.Config(site.application, http=BoundedHttp, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(listening.getsockname())
    reader, writer = await asyncio.open_connection(sock=client)
    try:
        yield server, reader, writer
    finally:
        server.should_exit = True
        site.node.publisher.drain()
        with anyio.fail_after(10):
            await serving
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


STREAM_REQUEST = f"GET /feed HTTP/1.1\r\nhost: a\r\nauthorization: {BASIC}\r\n\r\n".encode()
