"""A caller's trace id is taken only when it is well formed."""

import pytest

from tokenry.web.trace import request_trace, trace_from_traceparent

TRACE = b"0af7651916cd43dd8448eb211c80319c"
PARENT = b"b7ad6b7169203331"


@pytest.mark.parametrize(
    "value",
    [
        b"00-%b-%b-01" % (TRACE, PARENT),
        b"cc-%b-%b-01" % (TRACE, PARENT),
        b"cc-%b-%b-01-what-the-future-brings" % (TRACE, PARENT),
    ],
)
def test_a_well_formed_traceparent_is_taken(value):
    assert trace_from_traceparent(value) == TRACE.decode()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        TRACE,
        b"ff-%b-%b-01" % (TRACE, PARENT),
        b"00-%b-%b-01" % (b"0" * 32, PARENT),
        b"00-%b-%b-01" % (TRACE, b"0" * 16),
        b"00-%b-%b-01" % (TRACE.upper(), PARENT),
        b"00-%b-%b-01-more" % (TRACE, PARENT),
        b"cc-%b-%b-01.more" % (TRACE, PARENT),
        b"00-%b-%b-1" % (TRACE, PARENT),
        b" 00-%b-%b-01" % (TRACE, PARENT),
        b"00-%b-%b-01\n" % (TRACE, PARENT),
    ],
)
def test_anything_else_is_not(value):
    assert trace_from_traceparent(value) is None


def test_without_one_the_trace_id_is_fresh():
    headers = [(b"host", b"x"), (b"traceparent", b"nonsense")]
    assert request_trace(headers, lambda size: b"\xab" * size) == "ab" * 16
