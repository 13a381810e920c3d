"""The header fields of a request, looked up by name, and the trace id they carry or get."""

from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.identifiers import TraceId
from tokenry.web.body import Header
from tokenry.web.trace import fresh_trace, trace_from_traceparent

TRACE: Final = "tokenry.trace"
"""Where an endpoint leaves its trace id in the ASGI scope, for the answer to a failure."""
FIELDS: Final = "tokenry.fields"
"""Where the router leaves the header fields by name, so that they are arranged once."""

_ONCE: Final = (b"authorization", b"content-type", b"content-length", b"host")


def fields_by_name(headers: Sequence[Header]) -> dict[bytes, bytes]:
    """Return the header fields by lower-case name; of repeated ones the last.

    Raises InvalidRequest when one that says who asks, or what the body is, is repeated.
    """
    fields = dict(headers)
    if len(fields) != len(headers):
        names = [name for name, _ in headers]
        for name in _ONCE:
            if names.count(name) > 1:
                raise InvalidRequest(
                    because=f"repeated {name.decode()}",
                    description=f"The header field {name.decode()} may be given once only.",
                )
    return fields


def request_fields(scope: Scope) -> dict[bytes, bytes]:
    """Return the header fields by name, as `fields_by_name`, arranged already or now."""
    fields: dict[bytes, bytes] | None = scope.get(FIELDS)
    return fields_by_name(scope["headers"]) if fields is None else fields


def adopt_trace(scope: Scope, fields: dict[bytes, bytes], random: bytes) -> TraceId:
    """Return the caller's trace id, or one made of 16 random bytes, and leave it in the scope."""
    carried = fields.get(b"traceparent")
    trace = None if carried is None else trace_from_traceparent(carried)
    if trace is None:
        trace = fresh_trace(random)
    scope[TRACE] = trace
    return trace
