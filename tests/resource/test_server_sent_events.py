import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.resource.server_sent_events import EventParser, ServerSentEvent, StreamRefused


def parsed(*chunks: bytes) -> list[ServerSentEvent]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_has_a_type_data_and_an_id(end):
    stream = end.join([b"event: frame", b"id: 7", b"data: one", b"data:two", b"", b""])
    # A lone carriage return at the very end may be half of a line end, and still ends the line.
    assert parsed(stream) == [ServerSentEvent("frame", "one\ntwo", "7")]


def test_comments_unknown_fields_and_events_without_data_are_nothing():
    assert parsed(b": hello\n\nretry: 5\nfoo: bar\nevent: frame\nid: 3\n\ndata: x\n\n") == [
        ServerSentEvent("message", "x", None)
    ]


def test_a_byte_order_mark_is_taken_off_once():
    mark = b"\xef\xbb\xbf"
    assert parsed(mark[:1], mark[1:] + b"data: x\n\n") == [ServerSentEvent("message", "x")]
    assert parsed(mark + mark + b"data: x\n\n") == []


EVENT = st.builds(
    ServerSentEvent,
    type=st.text("abc-", min_size=1, max_size=8),
    data=st.text("xyz:é \n", max_size=40),
    id=st.none() | st.text("0123456789", max_size=5),
)


def rendered(event: ServerSentEvent, end: str) -> str:
    lines = [f"event: {event.type}", *(f"data: {line}" for line in event.data.split("\n"))]
    if event.id is not None:
        lines.append(f"id: {event.id}")
    return end.join([*lines, "", ""])


@requirement("G-1")
@given(
    events=st.lists(EVENT, max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_events_are_the_same_however_the_bytes_are_cut(events, end, cuts):
    stream = "".join(rendered(event, end) for event in events).encode()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert parsed(*chunks) == events


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_any_bytes_give_events_or_a_refusal(chunks):
    try:
        events = parsed(*chunks)
    except StreamRefused:
        return
    assert all(isinstance(event, ServerSentEvent) for event in events)
    assert b"".join(chunks).count(b"data") >= len(events)


@requirement("G-8")
def test_an_endless_line_and_an_endless_event_are_refused():
    parser = EventParser(max_line=100, max_event=300)
    for _ in range(10):
        parser.feed(b"x" * 10)
    with pytest.raises(StreamRefused, match="lines of at most 100"):
        parser.feed(b"x")
    parser = EventParser(max_line=100, max_event=300)
    for _ in range(5):
        parser.feed(b"data: " + b"x" * 50 + b"\n")
    with pytest.raises(StreamRefused, match="events of at most 300"):
        parser.feed(b"data: " + b"x" * 50 + b"\n")


def test_bytes_that_are_no_utf_8_are_refused():
    with pytest.raises(StreamRefused, match="UTF-8"):
        parsed(b"data: \xff\n\n")
