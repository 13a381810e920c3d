"""A body is read whole or refused, and never held beyond its bound."""

import pytest

from support.requirement import requirement
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.web.body import (
    Answer,
    BodyTooLarge,
    ClientDisconnected,
    json_answer,
    read_body,
    send_answer,
)


def receiving(*messages):
    waiting = list(messages)

    async def receive():
        return waiting.pop(0)

    return receive, waiting


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


async def test_chunks_are_joined():
    receive, _ = receiving(part(b"a=", True), part(b"", True), part(b"b"))
    assert await read_body(receive) == b"a=b"


async def test_a_message_without_members_is_an_empty_body():
    receive, _ = receiving({"type": "http.request"})
    assert await read_body(receive) == b""


@requirement("G-8")
@pytest.mark.parametrize(
    "messages",
    [
        [part(b"x" * 11)],
        [part(b"x" * 6, True), part(b"x" * 5)],
        [part(b"x" * 11, True), part(b"never read")],
    ],
)
async def test_a_body_over_the_limit_is_refused(messages):
    receive, _ = receiving(*messages)
    with pytest.raises(BodyTooLarge):
        await read_body(receive, limit=10)


@requirement("G-8")
async def test_reading_stops_at_the_limit():
    receive, waiting = receiving(*[part(b"x" * 6, True)] * 50)
    with pytest.raises(BodyTooLarge):
        await read_body(receive, limit=10)
    assert len(waiting) == 48


@pytest.mark.parametrize("size", [9, 10])
async def test_a_body_within_the_limit_is_read(size):
    receive, _ = receiving(part(b"x" * size))
    assert await read_body(receive, limit=10) == b"x" * size


@requirement("G-8", "RFC 9110 §15.5.14")
async def test_a_declared_length_over_the_limit_is_refused_unread():
    receive, waiting = receiving(part(b"x"))
    with pytest.raises(BodyTooLarge):
        await read_body(receive, declared=b"11", limit=10)
    assert len(waiting) == 1


@pytest.mark.parametrize("declared", [b"", b"-1", b"1e3", b"0x10", b"\xb2", b"9" * 5000])
async def test_a_malformed_length_is_refused(declared):
    receive, _ = receiving(part(b"x"))
    with pytest.raises(InvalidRequest):
        await read_body(receive, declared=declared)


@pytest.mark.parametrize("before", [[], [part(b"x", True)]])
async def test_a_peer_that_leaves_is_noticed(before):
    receive, _ = receiving(*before, {"type": "http.disconnect"})
    with pytest.raises(ClientDisconnected):
        await read_body(receive)


@pytest.mark.parametrize(("head", "body"), [(False, b'{"a":1}'), (True, b"")])
async def test_an_answer_carries_its_length_also_for_head(head, body):
    sent = []

    async def send(message):
        sent.append(message)

    await send_answer(send, json_answer(200, {"a": 1}, ((b"x", b"y"),)), head=head)
    assert sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"x", b"y"), (b"content-length", b"7")],
        },
        {"type": "http.response.body", "body": body},
    ]


@requirement("RFC 9110 §8.6")
@pytest.mark.parametrize(
    ("status", "headers"), [(200, [(b"content-length", b"0")]), (204, []), (304, [])]
)
async def test_an_empty_answer_has_length_zero_unless_it_can_have_none(status, headers):
    sent = []

    async def send(message):
        sent.append(message)

    await send_answer(send, Answer(status, ()))
    assert sent[0]["headers"] == headers
