"""The middleware: wherever it stands, no request gets past it without a token (R-40, R-44)."""

import asyncio
import json

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from support.asgi import request
from support.background import a_while, soon
from support.requirement import requirement
from tokenry.resource import Tier
from tokenry.resource.adapters.asgi import ProtectedResourceMetadata, TokenryMiddleware, require

AUDIENCE = "https://orders.test"
METADATA = "/.well-known/oauth-protected-resource"


async def orders(scope, receive, send):
    """An application that says who is asking; it must not be reached without a token."""
    token = scope.get("tokenry")
    body = json.dumps({"subject": token and token.subject}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def bearer(token):
    return [("authorization", f"Bearer {token}")]


@pytest.fixture
async def app(verifier):
    return TokenryMiddleware(orders, verifier=verifier, exempt={"/health"})


@pytest.fixture
def token(issuer):
    return issuer.mint(audience=AUDIENCE, subject="alice", scope="orders.read")


async def test_a_good_token_is_in_the_scope(app, token):
    answer = await request(app, "GET", "/", headers=bearer(token))
    assert (answer.status, answer.json) == (200, {"subject": "alice"})


@requirement("R-41", "RFC 6750 §3", "RFC 9728 §5.1")
@pytest.mark.parametrize(
    "path", ["/", "/health/", "/healthz", "/health/x", "//health", METADATA + "/x"]
)
async def test_without_a_token_every_path_is_refused_but_those_listed(path, app):
    answer = await request(app, "GET", path)
    assert answer.status == 401
    assert answer.header("www-authenticate") == (f'Bearer resource_metadata="{AUDIENCE}{METADATA}"')
    assert answer.header("cache-control") == "no-store"
    assert (await request(app, "GET", "/health")).json == {"subject": None}


@requirement("G-7")
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "TRACE", "BREW"])
async def test_no_method_is_exempt(method, app):
    assert (await request(app, method, "/")).status == 401


@requirement("RFC 6750 §2")
async def test_two_authorization_headers_are_refused(app, token):
    answer = await request(app, "GET", "/", headers=bearer(token) * 2)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@requirement("R-43")
async def test_stale_news_are_503_with_retry_after(app, token, issuer, verifier):
    issuer.network.offline = True
    issuer.advance(600)
    token = issuer.mint(audience=AUDIENCE)
    answer = await request(app, "GET", "/", headers=bearer(token))
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert answer.header("www-authenticate") is None


@requirement("RFC 9728 §3", "R-08")
@pytest.mark.parametrize(
    ("audience", "path"),
    [
        ("https://orders.test", METADATA),
        ("https://api.test/v1/orders", METADATA + "/v1/orders"),
    ],
)
async def test_the_metadata_document_is_served_where_it_belongs(audience, path, issuer):
    app = TokenryMiddleware(
        orders,
        verifier=issuer.verifier(audience),
        scopes_supported={"orders.read"},
        resource_name="Orders",
        resource_documentation="https://orders.test/docs",
    )
    answer = await request(app, "GET", path)
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.json == {
        "resource": audience,
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["orders.read"],
        "resource_name": "Orders",
        "resource_documentation": "https://orders.test/docs",
    }
    assert (await request(app, "HEAD", path)).status == 200
    assert (await request(app, "POST", path)).status == 405
    # What needs no token starts nothing.
    assert issuer.network.requests == []


@requirement("R-44")
async def test_below_a_mount_without_lifespan_it_starts_with_the_first_request(issuer, token):
    verifier = issuer.verifier(AUDIENCE)
    metadata = ProtectedResourceMetadata(verifier)
    outer = Starlette(
        routes=[
            Mount("/orders", TokenryMiddleware(orders, verifier=verifier)),
            Route(metadata.path, metadata),
        ]
    )
    assert verifier.head is None
    answers = await asyncio.gather(
        *(request(outer, "GET", "/orders/1", headers=bearer(token)) for _ in range(5))
    )
    assert {answer.status for answer in answers} == {200}
    assert issuer.network.open_streams == 1
    assert (await request(outer, "GET", "/orders/1")).status == 401
    assert (await request(outer, "GET", "/orders" + METADATA)).status == 200
    assert (await request(outer, "GET", METADATA)).json["resource"] == AUDIENCE
    await verifier.close()


@requirement("R-44")
async def test_with_lifespan_events_it_starts_and_closes_with_the_application(issuer):
    verifier = issuer.verifier(AUDIENCE)
    heard = []

    async def application(scope, receive, send):
        assert scope["type"] == "lifespan"
        for _ in range(2):
            message = await receive()
            heard.append((message["type"], verifier.tier))
            await send({"type": message["type"] + ".complete"})

    events = asyncio.Queue()
    sent = []

    async def send(message):
        sent.append(message["type"])

    app = TokenryMiddleware(application, verifier=verifier)
    running = asyncio.ensure_future(app({"type": "lifespan"}, events.get, send))
    events.put_nowait({"type": "lifespan.startup"})
    await soon(lambda: sent == ["lifespan.startup.complete"])
    assert issuer.network.open_streams == 1
    events.put_nowait({"type": "lifespan.shutdown"})
    await running
    await a_while()
    assert heard == [("lifespan.startup", Tier.FRESH), ("lifespan.shutdown", Tier.FRESH)]
    assert issuer.network.open_streams == 0


async def test_other_kinds_of_connection_are_refused(app):
    with pytest.raises(ValueError, match="expected an http"):
        await app({"type": "carrier-pigeon"}, None, None)


def starlette_application():
    async def read(_request):
        return JSONResponse({"ok": True})

    async def write(request):
        token = require("orders.write")(request)
        return JSONResponse({"subject": token.subject})

    async def late(request):
        async def parts():
            yield b"begun"
            require("orders.write")(request)
            yield b"never"

        return StreamingResponse(parts())

    return [Route("/read", read), Route("/write", write), Route("/late", late)]


@requirement("R-03", "R-44", "RFC 6750 §3.1")
@pytest.mark.parametrize("inside", [True, False])
async def test_require_refuses_wherever_the_middleware_stands(inside, issuer, verifier):
    # Around Starlette, its own error handling sees the refusal first and would make it a 500.
    if inside:
        added = Middleware(TokenryMiddleware, verifier=verifier)
        app = Starlette(routes=starlette_application(), middleware=[added])
    else:
        app = TokenryMiddleware(Starlette(routes=starlette_application()), verifier=verifier)
    reader = issuer.mint(audience=AUDIENCE, scope="orders.read")
    writer = issuer.mint(audience=AUDIENCE, scope="orders.write", subject="bob")
    assert (await request(app, "GET", "/read", headers=bearer(reader))).json == {"ok": True}
    answer = await request(app, "GET", "/write", headers=bearer(reader))
    assert answer.status == 403
    assert 'scope="orders.write"' in answer.header("www-authenticate")
    assert answer.json["error"] == "insufficient_scope"
    answer = await request(app, "GET", "/write", headers=bearer(writer))
    assert answer.json == {"subject": "bob"}


@requirement("R-03")
async def test_nothing_follows_a_refusal_in_the_middle_of_an_answer(issuer, verifier):
    app = TokenryMiddleware(Starlette(routes=starlette_application()), verifier=verifier)
    reader = issuer.mint(audience=AUDIENCE, scope="orders.read")
    sent = []

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/late", "scheme": "http", "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + reader.encode())],
    }  # fmt: skip
    with pytest.raises(BaseException) as raised:  # noqa: PT011  (a TokenRefused, or a group of it)
        await app(scope, receive, send)
    assert "not granted" in repr(raised.value) + repr(getattr(raised.value, "exceptions", ""))
    assert b"".join(message.get("body", b"") for message in sent) == b"begun"


async def test_require_without_the_middleware_is_a_fault_of_the_service():
    with pytest.raises(RuntimeError, match="TokenryMiddleware"):
        require("orders.read")({"type": "http"})


def websocket_scope(token, *, extensions=None):
    headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
    return {
        "type": "websocket", "path": "/ws", "scheme": "ws", "headers": headers,
        "query_string": b"access_token=x", "subprotocols": [],
        "extensions": extensions or {},
    }  # fmt: skip


async def converse(app, scope):
    sent = []
    waiting = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


@requirement("R-40", "R-44")
async def test_websockets_are_verified_before_the_handshake(issuer, verifier, token):
    async def talk(socket):
        await socket.accept()
        await socket.close()

    async def needs_more(socket):
        require("orders.write")(socket)

    app = TokenryMiddleware(Starlette(routes=[WebSocketRoute("/ws", talk)]), verifier=verifier)
    accepted = await converse(app, websocket_scope(token))
    assert [m["type"] for m in accepted] == ["websocket.accept", "websocket.close"]
    assert [m["type"] for m in await converse(app, websocket_scope(None))] == ["websocket.close"]
    start, body = await converse(
        app, websocket_scope(None, extensions={"websocket.http.response": {}})
    )
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert body["type"] == "websocket.http.response.body"
    strict = TokenryMiddleware(
        Starlette(routes=[WebSocketRoute("/ws", needs_more)]), verifier=verifier
    )
    (closed,) = await converse(strict, websocket_scope(token))
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
