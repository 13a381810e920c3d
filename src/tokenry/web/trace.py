"""The trace id that ties a request to its audit entries: the caller's, or a fresh one."""

import re
from collections.abc import Iterable
from typing import Final

from tokenry.vocabulary.identifiers import Entropy, TraceId
from tokenry.web.body import Header

TRACE_BYTES: Final = 16

# W3C Trace Context §3.2: version, trace id, parent id, flags; later versions may append fields.
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-|\Z)"
)
_NO_TRACE: Final = b"0" * 32
_NO_PARENT: Final = b"0" * 16


def trace_from_traceparent(value: bytes | None) -> TraceId | None:
    """Return the 32 hex digits of a well-formed `traceparent`, else None."""
    if value is None:
        return None
    match = _TRACEPARENT.match(value)
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_PARENT:
        return None
    if value.startswith(b"00") and match[3]:
        return None
    return TraceId(match[1].decode("ascii"))


def request_trace(headers: Iterable[Header], entropy: Entropy) -> TraceId:
    """Return the caller's trace id, or a fresh one."""
    for name, value in headers:
        if name == b"traceparent":
            trace = trace_from_traceparent(value)
            if trace is not None:
                return trace
    return fresh_trace(entropy(TRACE_BYTES))


def fresh_trace(random: bytes) -> TraceId:
    """Return a trace id made of 16 random bytes."""
    return TraceId(random.hex())
