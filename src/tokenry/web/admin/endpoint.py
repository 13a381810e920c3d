"""The way of every administrative request: who asks, whether they may, the act, the answer.

1 bounds, 2 trace, 3 operator, 4 duty, 5 body, 6 act. A refusal is recorded before it is answered.
"""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from tokenry.authority.acts import Act
from tokenry.authority.operators import Operators, require_duty
from tokenry.blueprint.declarations import Duty
from tokenry.ports.events import Counted, Events, Noted, Timed
from tokenry.protocol.registry import Operator
from tokenry.vocabulary.bounds import MAX_HEADERS
from tokenry.vocabulary.errors import InfrastructureFailure, InvalidToken, ProtocolError
from tokenry.vocabulary.identifiers import Entropy, TraceId
from tokenry.web.admin.refusals import AdminRefusals
from tokenry.web.body import Answer, ClientDisconnected, read_body, send_answer
from tokenry.web.errors import HeadersTooLarge, MethodNotAllowed, answer_failure
from tokenry.web.request_head import TRACE, adopt_trace, fields_by_name
from tokenry.web.trace import TRACE_BYTES, request_trace

ENDPOINT: Final = "admin"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated request, for an operator who may make it."""

    operator: Operator
    act: Act
    path: Mapping[str, str]
    query: bytes
    content_type: bytes | None
    body: bytes


class Method(msgspec.Struct, frozen=True):
    """What one method of a path does. `name` is what the record and metrics call it."""

    name: str
    duty: Duty | None
    act: Callable[[Call], Awaitable[Answer]]


class AdminEndpoint:
    """Bare ASGI for one path: its methods, and all that they have in common."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        *,
        operators: Operators,
        refusals: AdminRefusals,
        entropy: Entropy,
        events: Events,
    ) -> None:
        self._methods = methods
        self._operators = operators
        self._refusals = refusals
        self._entropy = entropy
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, always with one whole answer."""
        began = perf_counter()
        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnected:
            return
        except Exception as failure:  # noqa: BLE001 # rendered here, as for every listener
            answer = self._answer_failure(failure, scope)
        await send_answer(send, answer, head=scope["method"] == "HEAD")
        self._events.took(Timed.REQUEST, perf_counter() - began, endpoint=ENDPOINT)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        # 1. Bounds that cost nothing.
        headers = scope["headers"]
        if len(headers) > MAX_HEADERS:
            raise HeadersTooLarge(because=f"{len(headers)} header fields")
        method = self._methods.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if method is None:
            allow = ", ".join(sorted(self._methods)).encode()
            raise MethodNotAllowed(because=scope["method"], allow=allow)
        # 2. The trace id, for whatever comes of it.
        fields = fields_by_name(headers)
        trace = adopt_trace(scope, fields, self._entropy(TRACE_BYTES))
        # 3. Who asks.
        try:
            operator = await self._operators.authenticate(_bearer_token(fields))
        except ProtocolError as refusal:
            await self._refusals.of_anybody(refusal, act=method.name, trace=trace)
            raise
        actor = f"operator:{operator.name}"
        try:
            # 4. Whether they may.
            if method.duty is not None:
                require_duty(operator, method.duty)
            # 5. What they ask.
            key = fields.get(b"idempotency-key")
            call = Call(
                operator=operator,
                act=Act(
                    actor=actor,
                    trace=trace,
                    idempotency_key=None if key is None else key.decode("latin-1"),
                ),
                path=scope["path_params"],
                query=scope["query_string"],
                content_type=fields.get(b"content-type"),
                body=await read_body(receive, declared=fields.get(b"content-length")),
            )
            # 6. The act.
            return await method.act(call)
        except ProtocolError as refusal:
            await self._refusals.of_operator(refusal, actor=actor, act=method.name, trace=trace)
            raise

    def _answer_failure(self, failure: Exception, scope: Scope) -> Answer:
        trace: TraceId = scope.get(TRACE) or request_trace(scope["headers"], self._entropy)
        presented = any(name == b"authorization" for name, _ in scope["headers"])
        match failure:
            case ProtocolError():
                self._events.count(Counted.REFUSED, endpoint=ENDPOINT, code=failure.code)
            case InfrastructureFailure():
                kind = type(failure).__name__
                self._events.count(Counted.FAILED, endpoint=ENDPOINT, failure=kind)
            case _:
                self._events.count(Counted.FAILED, endpoint=ENDPOINT, failure="defect")
                self._events.note(
                    Noted.ERROR, "a defect", error=failure, endpoint=ENDPOINT, trace=trace
                )
        return answer_failure(failure, trace=trace, presented=presented)


def _bearer_token(fields: Mapping[bytes, bytes]) -> str:
    """Return the token of an `Authorization: Bearer` field (RFC 6750 §2.1)."""
    value = fields.get(b"authorization")
    if value is None:
        raise InvalidToken(because="no operator token", description="Send an operator's token.")
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"bearer" or not token or not token.isascii():
        raise InvalidToken(because="not a bearer token")
    return token.decode("ascii").strip(" ")
