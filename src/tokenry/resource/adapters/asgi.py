"""ASGI: every request is verified before the application sees it (R-44).

Works wherever it stands: around an application with lifespan events, mounted below another one
without them, or in a worker that was forked; the verifier starts with the first request at the
latest. Imports no framework.
"""

import inspect
import sys
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from tokenry.resource.challenges import require_scope_names
from tokenry.resource.presented import PresentedRequest
from tokenry.resource.protected_resource import metadata_document, metadata_path
from tokenry.resource.refusal import TokenRefused
from tokenry.resource.verified import VerifiedToken
from tokenry.resource.verifier import Verifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN: Final = "tokenry"
"""Where an application finds its request's VerifiedToken in the ASGI scope."""
_EXCHANGE: Final = "tokenry.exchange"
_POLICY_VIOLATION: Final = 1008


class TokenryMiddleware:
    """Serves `app` only to requests with a token that `verifier` accepts.

    Every path needs a token, except those listed in `exempt` (exact paths, nothing below them)
    and the service's own metadata document (RFC 9728). WebSocket handshakes are verified alike.
    """

    def __init__(
        self,
        app: Application,
        *,
        verifier: Verifier,
        exempt: Collection[str] = (),
        scopes_supported: Collection[str] = (),
        resource_name: str | None = None,
        resource_documentation: str | None = None,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._exempt = frozenset(exempt)
        self._metadata = ProtectedResourceMetadata(
            verifier,
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(scope, receive, send)
        elif kind not in {"http", "websocket"}:
            raise ValueError(f"expected an http, websocket or lifespan scope, found {kind!r}")
        elif kind == "http" and self._metadata.is_at(scope):
            await self._metadata(scope, receive, send)
        elif scope["path"] in self._exempt:
            await self._app(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            token = await self._verifier.verify(_presented(scope))
        except TokenRefused as refused:
            await _refuse(scope, receive, send, refused)
            return
        exchange = _Exchange(self._verifier, token, scope, receive, send)
        # A copy, since the scope belongs to whoever called.
        scope = {**scope, TOKEN: token, _EXCHANGE: exchange}
        try:
            await self._app(scope, receive, exchange.send)
        except TokenRefused as refused:
            exchange.refused = refused
            if exchange.started:
                raise  # too late for another answer: let the server break the response off
        if exchange.refused is not None:
            await exchange.answer_refusal()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def observed() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._verifier.start()
            return message

        async def closing(message: Message) -> None:
            if message["type"] in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
                await self._verifier.close()
            await send(message)

        await self._app(scope, observed, closing)


class ProtectedResourceMetadata:
    """An ASGI application that answers with the service's RFC 9728 document.

    The middleware includes one. Where the middleware is mounted below the root, put this at the
    root, under `path`, as RFC 9728 §3.1 has it.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        scopes_supported: Collection[str] = (),
        resource_name: str | None = None,
        resource_documentation: str | None = None,
    ) -> None:
        self.path = metadata_path(verifier.audience)
        self._document = metadata_document(
            audience=verifier.audience,
            issuer=verifier.issuer,
            scopes=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )

    def is_at(self, scope: Scope) -> bool:
        """Say whether a request asks for the document."""
        if self.path is None:
            return False
        path: str = scope["path"]
        return path == self.path or path == scope.get("root_path", "") + self.path

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer GET and HEAD; readable by pages of any origin, since it is public."""
        if scope["method"] not in {"GET", "HEAD"}:
            await _respond(send, 405, [("allow", "GET, HEAD")], b"")
            return
        headers = [
            ("content-type", "application/json"),
            ("cache-control", "public, max-age=300"),
            ("access-control-allow-origin", "*"),
        ]
        await _respond(send, 200, headers, self._document)


class require:  # noqa: N801  (used like a function: Depends(require("orders.read")))
    """Demand scopes of the request at hand; returns its VerifiedToken.

    Call it with a Starlette or FastAPI request, or an ASGI scope. Raises TokenRefused, which the
    middleware answers (403, or 503 while stale news forbid a granted scope), whatever the
    framework between them makes of the exception. To ask without demanding, look at
    `token.scopes`. Raises RuntimeError where no TokenryMiddleware stands in front; TypeError and
    ValueError, when it is made, for what is no scope.
    """

    def __init__(self, *scopes: str) -> None:
        require_scope_names(scopes)
        self.scopes = frozenset(scopes)
        starlette = sys.modules.get("starlette.requests")
        if starlette is not None:
            # FastAPI gives a dependency what its signature asks for; nothing is imported for it.
            request = inspect.Parameter(
                "request",
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                annotation=starlette.HTTPConnection,
            )
            self.__signature__ = inspect.Signature([request])

    def __call__(self, request: Any) -> VerifiedToken:  # noqa: ANN401  (any framework's)
        """Return the token, or refuse."""
        scope = request if isinstance(request, MutableMapping) else request.scope
        exchange = scope.get(_EXCHANGE)
        if exchange is None:
            raise RuntimeError("expected TokenryMiddleware in front of this endpoint")
        token: VerifiedToken = exchange.demand(self.scopes)
        return token


class _Exchange:
    """One request under way: what the application may still send, and whether it was refused."""

    __slots__ = (
        "_receive",
        "_scope",
        "_send",
        "_token",
        "_verifier",
        "answered",
        "refused",
        "started",
    )

    def __init__(
        self, verifier: Verifier, token: VerifiedToken, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._verifier = verifier
        self._token = token
        self._scope = scope
        self._receive = receive
        self._send = send
        self.started = False
        self.answered = False
        self.refused: TokenRefused | None = None

    def demand(self, scopes: frozenset[str]) -> VerifiedToken:
        try:
            self._verifier.require(self._token, scopes)
        except TokenRefused as refused:
            # Kept, since a framework may turn the exception into a 500 before it gets here.
            self.refused = refused
            raise
        return self._token

    async def send(self, message: Message) -> None:
        """Pass the application's messages on, until it was refused."""
        if self.refused is None:
            self.started = True
            await self._send(message)
        elif not self.started:
            await self.answer_refusal()

    async def answer_refusal(self) -> None:
        if not self.answered and not self.started and self.refused is not None:
            self.answered = True
            await _refuse(self._scope, self._receive, self._send, self.refused, connected=True)


def _presented(scope: Scope) -> PresentedRequest:
    headers = scope["headers"]
    host = next((value for name, value in headers if name == b"host"), b"")
    client = scope.get("client")
    return PresentedRequest(
        method=scope.get("method", "GET"),
        url=f"{scope['scheme']}://{host.decode('latin-1')}{scope['path']}",
        headers=headers,
        peer_address=client[0] if client else None,
    )


async def _refuse(
    scope: Scope, receive: Receive, send: Send, refused: TokenRefused, *, connected: bool = False
) -> None:
    if scope["type"] == "http":
        await _respond(send, refused.status, refused.headers(), refused.body())
        return
    if not connected:
        await receive()  # websocket.connect
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await _respond(send, refused.status, refused.headers(), refused.body(), prefix="websocket.")
    else:
        # Before the handshake was accepted, the server answers this with 403.
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})


async def _respond(
    send: Send, status: int, headers: list[tuple[str, str]], body: bytes, *, prefix: str = ""
) -> None:
    encoded = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
    encoded.append((b"content-length", str(len(body)).encode("ascii")))
    await send({"type": f"{prefix}http.response.start", "status": status, "headers": encoded})
    await send({"type": f"{prefix}http.response.body", "body": body})
