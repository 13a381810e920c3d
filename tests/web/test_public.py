"""What holds for every public endpoint: paths, methods, HEAD, CORS, bounds, failures."""

import os

import pytest

from support.asgi import post, request
from support.requirement import requirement
from support.taking_part import ISSUER
from tokenry.ports.events import UNHEARD, Counted, Noted, Timed
from tokenry.vocabulary.bounds import MAX_HEADER_BYTES, MAX_HEADERS
from tokenry.vocabulary.errors import Overloaded, StoreUnavailable
from tokenry.web.proxies import DeclaredProxies
from tokenry.web.public import GET, STREAM, PublicApplication, Route, issuer_routes

WELL_KNOWN = "/.well-known/oauth-authorization-server"
ASK = b"grant_type=client_credentials&scope=orders.read"


class Heard:
    """Remembers what was told."""

    def __init__(self):
        self.counted = []
        self.timed = []
        self.notes = []

    def count(self, event, amount=1, /, **labels):
        self.counted.append((event, labels))

    def level(self, level, value, /, **labels):
        raise AssertionError("nothing here has a level")

    def took(self, what, seconds, /, **labels):
        self.timed.append((what, labels))

    def note(self, weight, what, /, *, error=None, **facts):
        self.notes.append((weight, error, facts))


def application(routes, *, events=UNHEARD, **options):
    return PublicApplication(routes, entropy=os.urandom, events=events, **options)


@requirement("RFC 8414 §3")
async def test_metadata_is_public_and_cacheable(app):
    answer = await request(app, "GET", WELL_KNOWN)
    assert answer.status == 200
    assert answer.json["issuer"] == ISSUER
    assert answer.header("content-type") == "application/json"
    assert "max-age=" in answer.header("cache-control")


@requirement("RFC 8414 §3.1")
async def test_an_issuer_with_a_path_has_its_metadata_before_it(node, routes_of, shop):
    issuer = "https://auth.example/t1"
    app = application(routes_of(node, issuer))
    for path in (WELL_KNOWN + "/t1", "/t1" + WELL_KNOWN):
        assert (await request(app, "GET", path)).json["issuer"] == issuer
    for path in (WELL_KNOWN, WELL_KNOWN + "/t1/", WELL_KNOWN + "/t2", "/token"):
        assert (await request(app, "GET", path)).status == 404
    assert (await post(app, "/t1/token", ASK, authorization=shop)).status == 200


async def test_two_issuers_share_one_listener(node, routes_of):
    together = routes_of(node, ISSUER) | routes_of(node, ISSUER + "/t1")
    assert {"/token", "/t1/token", WELL_KNOWN, WELL_KNOWN + "/t1"} <= together.keys()


@pytest.mark.parametrize("path", ["/", "", "/tokens", "/token/", "//token", "/TOKEN", "/../token"])
async def test_paths_are_exact(app, path):
    answer = await request(app, "GET", path)
    assert (answer.status, answer.json["error"]) == (404, "not_found")


@requirement("RFC 9110 §15.5.6")
@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/token", "OPTIONS, POST"),
        ("HEAD", "/token", "OPTIONS, POST"),
        ("PUT", "/token", "OPTIONS, POST"),
        ("GET", "/revoke", "POST"),
        ("OPTIONS", "/revoke", "POST"),
        ("OPTIONS", "/introspect", "POST"),
        ("POST", WELL_KNOWN, "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_method_is_told_which_there_are(app, method, path, allow):
    answer = await request(app, method, path)
    assert (answer.status, answer.header("allow")) == (405, allow)


@requirement("RFC 9110 §9.3.2")
async def test_head_is_get_without_its_body(app):
    get, head = [await request(app, method, WELL_KNOWN) for method in ("GET", "HEAD")]
    assert head.body == b""
    assert head.headers == get.headers


@pytest.mark.parametrize("path", ["/token", WELL_KNOWN])
async def test_browsers_may_use_what_they_need(app, path):
    asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ]
    answer = await request(app, "OPTIONS", path, headers=asked)
    assert answer.status == 204
    assert answer.header("access-control-allow-origin") == "*"
    assert "authorization" in answer.header("access-control-allow-headers")
    assert answer.header("access-control-allow-credentials") is None


async def test_cors_is_open_for_metadata_and_token_and_closed_elsewhere(app, shop, orders_server):
    origin = [("origin", "https://app.example")]
    token = await post(app, "/token", ASK, authorization=shop, headers=origin)
    assert (token.status, token.header("access-control-allow-origin")) == (200, "*")
    refused = await post(app, "/token", ASK, headers=origin)
    assert (refused.status, refused.header("access-control-allow-origin")) == (401, "*")
    assert "www-authenticate" in refused.header("access-control-expose-headers")
    # Caches keep one copy for everybody, so it must not depend on who asked first.
    metadata = await request(app, "GET", WELL_KNOWN)
    assert metadata.header("access-control-allow-origin") == "*"
    for path, authorization in [("/revoke", shop), ("/introspect", orders_server)]:
        answer = await post(app, path, b"token=x", authorization=authorization, headers=origin)
        assert answer.status == 200
        assert answer.header("access-control-allow-origin") is None


@requirement("RFC 9110 §15.5.6", "G-8")
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", [("x", "1" * MAX_HEADER_BYTES)], 431),
        ("HEAD", [("x", "1" * MAX_HEADER_BYTES)], 431),
        ("DELETE", [("x", "1" * MAX_HEADER_BYTES)], 431),
        ("GET", [("host", "a"), ("host", "a")], 400),
        ("DELETE", [], 405),
    ],
)
async def test_a_browser_may_read_why_it_is_refused_however_early(app, method, headers, status):
    origin = ("origin", "https://app.example")
    for path in (WELL_KNOWN, "/token"):
        refused = await request(app, method, path, headers=[origin, *headers])
        assert refused.status == status
        assert refused.header("access-control-allow-origin") == "*"
        assert bool(refused.body) == (method != "HEAD")
    closed = await request(app, method, "/revoke", headers=[origin, *headers])
    assert closed.header("access-control-allow-origin") is None


@requirement("G-8")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(f"x-{n}", "1") for n in range(MAX_HEADERS)], 200),
        ([(f"x-{n}", "1") for n in range(MAX_HEADERS + 1)], 431),
        ([("x", "1" * (MAX_HEADER_BYTES - 1))], 200),
        ([("x", "1" * MAX_HEADER_BYTES)], 431),
    ],
)
async def test_header_fields_are_bounded(app, headers, status):
    assert (await request(app, "GET", WELL_KNOWN, headers=headers)).status == status


def failing_with(failure):
    async def endpoint(scope, receive, send):
        raise failure

    return {"/fails": Route("fails", endpoint, GET)}


@requirement("R-64")
@pytest.mark.parametrize(
    ("failure", "status", "told"),
    [
        (Overloaded("queue"), 503, "Overloaded"),
        (StoreUnavailable("disk"), 503, "StoreUnavailable"),
        (KeyError("bug"), 500, "defect"),
    ],
)
async def test_what_breaks_is_rendered_counted_and_noted(failure, status, told):
    heard = Heard()
    answer = await request(application(failing_with(failure), events=heard), "GET", "/fails")
    assert answer.status == status
    trace = answer.json["trace_id"]
    assert heard.counted == [(Counted.FAILED, {"endpoint": "fails", "failure": told})]
    assert heard.notes == [(Noted.ERROR, failure, {"endpoint": "fails", "trace": trace})]


async def test_an_outage_does_not_flood_the_log():
    heard = Heard()
    app = application(failing_with(StoreUnavailable("disk")), events=heard)
    for _ in range(50):
        await request(app, "GET", "/fails")
    assert len(heard.counted) == 50
    assert len(heard.notes) == 1


@requirement("R-60")
async def test_a_refusal_is_counted_by_endpoint_and_code(node, routes_of, shop):
    heard = Heard()
    app = application(routes_of(node), events=heard)
    await post(app, "/token", b"", authorization=shop)
    await post(app, "/token", ASK)
    await request(app, "GET", "/nowhere")
    assert heard.counted == [
        (Counted.REFUSED, {"endpoint": "token", "code": "invalid_request"}),
        (Counted.REFUSED, {"endpoint": "token", "code": "invalid_client"}),
        (Counted.REFUSED, {"endpoint": "none", "code": "not_found"}),
    ]
    assert heard.timed == [
        (Timed.REQUEST, {"endpoint": endpoint}) for endpoint in ("token", "token", "none")
    ]
    assert heard.notes == []


async def test_the_duration_of_a_stream_is_not_observed():
    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    heard = Heard()
    app = application({"/feed": Route("feed", stream, STREAM, stream=True)}, events=heard)
    assert (await request(app, "GET", "/feed")).status == 200
    assert (await request(app, "HEAD", "/feed")).status == 405
    assert heard.timed == []


async def test_the_application_takes_part_in_a_lifespan(app):
    said = []
    asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return asked.pop(0)

    async def send(message):
        said.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_closed(app):
    said = []

    async def send(message):
        said.append(message["type"])

    await app({"type": "websocket", "path": "/token"}, None, send)
    assert said == ["websocket.close"]


@requirement("G-7")
async def test_a_prefix_is_put_back_for_declared_proxies_alone(node, routes_of, shop):
    issuer = "https://host.example/auth"
    proxies = DeclaredProxies(["10.0.0.0/8"], prefix="/auth")
    app = application(routes_of(node, issuer), proxies=proxies)
    proxy, stranger = ("10.1.2.3", 1), ("203.0.113.9", 1)
    assert (await post(app, "/token", ASK, authorization=shop, peer=proxy)).status == 200
    assert (await post(app, "/token", ASK, authorization=shop, peer=stranger)).status == 404
    # What the proxy did not strip, as a well-known path at the root, is served too.
    for peer in (proxy, stranger):
        path = WELL_KNOWN + "/auth"
        assert (await request(app, "GET", path, peer=peer)).json["issuer"] == issuer
        assert (await post(app, "/auth/token", ASK, authorization=shop, peer=peer)).status == 200


@requirement("G-7")
@pytest.mark.parametrize(
    ("peer", "client"), [("10.1.2.3", "198.51.100.7"), ("203.0.113.9", "203.0.113.9")]
)
async def test_an_endpoint_sees_for_whom_a_declared_proxy_asks(peer, client):
    seen = []

    async def endpoint(scope, receive, send):
        seen.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    routes = {"/x": Route("x", endpoint, GET)}
    app = application(routes, proxies=DeclaredProxies(["10.0.0.0/8"]))
    await request(app, "GET", "/x", headers=[("x-forwarded-for", "198.51.100.7")], peer=(peer, 1))
    assert seen == [client]


def test_routes_stand_below_the_issuer():
    async def endpoint(scope, receive, send):
        """Never called."""

    below = {"/token": Route("token", endpoint, GET), WELL_KNOWN: Route("m", endpoint, GET)}
    assert issuer_routes("https://a.example/x/", below).keys() == {
        "/x/token",
        "/x" + WELL_KNOWN,
        WELL_KNOWN + "/x",
    }
