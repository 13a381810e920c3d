"""The public application: exact paths to endpoints, and what holds for all of them.

Bare ASGI, since the hot endpoints are. Here and nowhere else: bounds on header fields (G-8),
methods, HEAD, CORS for the few endpoints that browsers need, prefixes of declared proxies, and the
rendering of every failure.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from time import perf_counter
from types import MappingProxyType
from typing import Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokenry.authority.refusals import RefusalSample
from tokenry.ports.events import Counted, Events, Noted, Timed
from tokenry.protocol.metadata import issuer_path, well_known_path
from tokenry.vocabulary.bounds import MAX_HEADER_BYTES, MAX_HEADERS
from tokenry.vocabulary.errors import InfrastructureFailure, InvalidClient, ProtocolError
from tokenry.vocabulary.identifiers import Entropy, IssuerUrl, TraceId
from tokenry.web.body import Answer, ClientDisconnected, Header, send_answer
from tokenry.web.errors import HeadersTooLarge, MethodNotAllowed, NotFound, answer_failure
from tokenry.web.proxies import DeclaredProxies, network_of
from tokenry.web.request_head import FIELDS, TRACE, fields_by_name
from tokenry.web.trace import request_trace

GET: Final = frozenset({"GET", "HEAD"})
STREAM: Final = frozenset({"GET"})
POST: Final = frozenset({"POST"})
PREFLIGHT_SECONDS: Final = 7200
NOTE_SECONDS: Final = 1.0

_ANY_ORIGIN: Final = (b"access-control-allow-origin", b"*")
_EXPOSED: Final = (b"access-control-expose-headers", b"www-authenticate, retry-after")
_ALLOWED_HEADERS: Final = (
    b"access-control-allow-headers",
    b"authorization, content-type, dpop, traceparent",
)
_UNROUTED: Final = "none"


class Route(msgspec.Struct, frozen=True):
    """An endpoint, the methods it knows, and its name in metrics.

    `cors`: browsers may read it, never with credentials: no endpoint here knows cookies. `stream`:
    its duration says nothing and is not observed. `keeps_refusals`: it records what it refuses to
    proven callers itself, so any other refusal is of somebody unknown.
    """

    name: str
    endpoint: ASGIApp
    methods: frozenset[str]
    cors: bool = False
    stream: bool = False
    keeps_refusals: bool = False


def issuer_routes(issuer: IssuerUrl, below: Mapping[str, Route]) -> dict[str, Route]:
    """Return routes by full path: those `below` the issuer URL, and its metadata where it belongs.

    `below` has `/token`, `/jwks` and so on, and the metadata as `/.well-known/...`, which is also
    served with the well-known segment before the issuer's path (RFC 8414 §3.1).
    """
    at = issuer_path(issuer)
    routes = {at + path: route for path, route in below.items()}
    for path, route in below.items():
        if path.startswith("/.well-known/"):
            routes[well_known_path(issuer, path)] = route
    return routes


class PublicApplication:
    """Routes the requests of one listener."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        *,
        entropy: Entropy,
        events: Events,
        refusals: RefusalSample | None = None,
        proxies: DeclaredProxies | None = None,
    ) -> None:
        self._routes = MappingProxyType(dict(routes))
        self._entropy = entropy
        self._events = events
        self._refusals = refusals
        self._proxies = proxies or None
        self._noted_at: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, always with one whole answer."""
        if scope["type"] != "http":
            await _not_http(scope, receive, send)
            return
        route = self._route(scope, scope["path"])
        name = _UNROUTED if route is None else route.name
        is_open = route is not None and route.cors
        method = scope["method"]
        if method == "HEAD":
            send = _without_body(send)
        began = perf_counter()
        try:
            headers = scope["headers"]
            _require_bounds(headers)
            fields = scope[FIELDS] = fields_by_name(headers)
            if is_open and (method != "POST" or b"origin" in fields):
                send = _with_cors(send)
            await _endpoint(route, method)(scope, receive, send)
        except ClientDisconnected:
            return
        except Exception as failure:  # noqa: BLE001 # the one place where every failure is rendered
            if is_open and FIELDS not in scope:
                # Refused for its header fields: whether a browser asks is not known.
                send = _with_cors(send)
            failure = await self._sampled(failure, route, scope)
            await self._answer_failure(failure, name, scope, send)
        if route is None or not route.stream:
            self._events.took(Timed.REQUEST, perf_counter() - began, endpoint=name)

    def _route(self, scope: Scope, path: str) -> Route | None:
        proxies = self._proxies
        if proxies is None or not proxies.sent(scope):
            return self._routes.get(path)
        scope["client"] = (proxies.client_address(scope), 0)
        # A well-known path lies outside of the prefix, and arrives as it was sent.
        return self._routes.get(proxies.prefix + path) or self._routes.get(path)

    async def _sampled(self, failure: Exception, route: Route | None, scope: Scope) -> Exception:
        """Keep a sample of refusals of unknown callers; return what to answer (R-60).

        That is the failure itself, unless it had to be recorded and could not be.
        """
        if (
            self._refusals is None
            or route is None
            or not isinstance(failure, ProtocolError)
            or failure.is_recorded
            or not (route.keeps_refusals or isinstance(failure, InvalidClient))
        ):
            return failure
        try:
            await self._refusals.keep(
                failure,
                network=network_of(scope.get("client")),
                detail={"endpoint": route.name},
                trace=self._trace(scope),
            )
        except InfrastructureFailure as broken:
            return broken
        return failure

    def _trace(self, scope: Scope) -> TraceId:
        found: TraceId | None = scope.get(TRACE)
        if found is None:
            # Kept, so that the record, the log and the answer name the same.
            found = scope[TRACE] = request_trace(scope["headers"], self._entropy)
        return found

    async def _answer_failure(
        self, failure: Exception, name: str, scope: Scope, send: Send
    ) -> None:
        trace = self._trace(scope)
        match failure:
            case ProtocolError():
                self._events.count(Counted.REFUSED, endpoint=name, code=failure.code)
            case InfrastructureFailure():
                kind = type(failure).__name__
                self._events.count(Counted.FAILED, endpoint=name, failure=kind)
                # Once a second of each kind: an outage must not drown the log that explains it.
                if perf_counter() - self._noted_at.get(kind, -NOTE_SECONDS) >= NOTE_SECONDS:
                    self._noted_at[kind] = perf_counter()
                    self._events.note(
                        Noted.ERROR, "requests fail", error=failure, endpoint=name, trace=trace
                    )
            case _:
                self._events.count(Counted.FAILED, endpoint=name, failure="defect")
                self._events.note(
                    Noted.ERROR, "a defect", error=failure, endpoint=name, trace=trace
                )
        await send_answer(send, answer_failure(failure, trace=trace))


def _endpoint(route: Route | None, method: str) -> ASGIApp:
    if route is None:
        raise NotFound(because="no such path")
    if method in route.methods:
        return route.endpoint
    if route.cors and method == "OPTIONS":
        return _Preflight(route)
    raise MethodNotAllowed(because=method, allow=_allow(route))


class _Preflight:
    """Answers any OPTIONS request of an endpoint that browsers may use (Fetch §3.3)."""

    def __init__(self, route: Route) -> None:
        methods = _allow(route)
        self._answer = Answer(
            204,
            (
                (b"access-control-allow-methods", methods),
                _ALLOWED_HEADERS,
                (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
                (b"allow", methods),
            ),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(send, self._answer)


def _require_bounds(headers: Sequence[Header]) -> None:
    if len(headers) > MAX_HEADERS:
        raise HeadersTooLarge(because=f"{len(headers)} header fields")
    size = sum(map(len, chain.from_iterable(headers)))
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLarge(because=f"{size} bytes of header fields")


def _allow(route: Route) -> bytes:
    methods = route.methods | {"OPTIONS"} if route.cors else route.methods
    return ", ".join(sorted(methods)).encode()


def _with_cors(send: Send) -> Send:
    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], _ANY_ORIGIN, _EXPOSED]}
        await send(message)

    return send_with_cors


def _without_body(send: Send) -> Send:
    async def send_without_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_without_body


async def _not_http(scope: Scope, receive: Receive, send: Send) -> None:
    """Take part in an ASGI lifespan, which has nothing to do here, and refuse WebSockets."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
