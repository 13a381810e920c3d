"""The feed over HTTP: who may read it, how a stream ends, and that it composes with the rest."""

import asyncio
import base64

import msgspec
import pytest

from support.feed_node import ORDERS, SECRET, FeedNode, read_events
from support.feed_site import STREAM_REQUEST, Site, served
from support.requirement import requirement
from tokenry.authority.feed_subscription import MAX_WAITING_BLOCKS
from tokenry.feed.outcomes import ViewState
from tokenry.jose import KeySet
from tokenry.protocol.signing_key import KeyUse
from tokenry.vocabulary.sequence import FIRST_HEAD

POSITION = {"version": 1, "instance": "i" * 22, "head": 1, "closed": 2, "lag_ms": 3, "keys": ["k"]}


@pytest.fixture
async def site(tmp_path):
    return Site(await FeedNode.started(tmp_path))


@requirement("R-31", "G-1")
async def test_a_stream_begins_with_the_profile_and_carries_revocations(site):
    follower = site.node.follower()
    await follower.start()
    request = site.request("/feed").stream()
    events = follower.read(await request.block())
    assert (request.status, request.headers["content-type"]) == (200, "text/event-stream")
    assert request.headers["cache-control"] == "no-store"
    assert [event.event for event in events] == ["profile", "frame"]
    await site.node.revoke_and_publish("stolen")
    follower.read(await request.block())
    assert follower.knows("stolen")
    request.leave()
    await request.task


@requirement("G-8")
async def test_who_leaves_is_noticed_without_anything_being_sent(site):
    request = site.request("/feed").stream()
    await request.block()
    assert len(site.node.publisher._subscribers) == 1
    request.leave()
    await request.task
    assert len(site.node.publisher._subscribers) == 0


@requirement("G-1")
@pytest.mark.parametrize(
    ("query", "last_event_id", "first"),
    [(2, None, 3), (None, 2, 3), (1, 2, 3), (2, "", 3), (None, None, None)],
)
async def test_a_stream_resumes_after_the_number_that_the_client_saw_last(
    site, query, last_event_id, first
):
    await site.node.revoke_and_publish("a")
    await site.node.revoke_and_publish("b")
    await site.node.revoke_and_publish("c")
    path = "/feed" if query is None else f"/feed?after={FIRST_HEAD + query}"
    headers = {}
    if last_event_id is not None:
        headers["last_event_id"] = str(FIRST_HEAD + last_event_id) if last_event_id else ""
    follower = site.node.follower()
    request = site.request(path, **headers).stream()
    follower.read(await request.block())
    assert follower.numbers == ([FIRST_HEAD + first] if first else [])
    request.leave()
    await request.task


@requirement("G-8")
async def test_blocks_that_wait_are_sent_in_one_piece(site):
    request = site.request("/feed").stream()
    await request.block()
    for number in range(5):
        await site.node.revoke_and_publish(str(number))
    events = read_events(await request.block())
    assert [event.id for event in events] == [str(FIRST_HEAD + n) for n in range(1, 6)]
    request.leave()
    await request.task


@requirement("G-8")
async def test_a_peer_that_takes_nothing_is_dropped_and_its_connection_aborted(site):
    aborted = asyncio.Event()
    request = site.request("/feed").aborted_by(aborted.set)
    taking = asyncio.Event()

    async def blocked(message):
        await taking.wait()

    request._outgoing.put = blocked
    request.stream()
    for number in range(MAX_WAITING_BLOCKS + 2):
        await site.node.revoke_and_publish(str(number))
        await asyncio.sleep(0)
    assert aborted.is_set()
    assert len(site.node.publisher._subscribers) == 0
    taking.set()  # as a server does once the connection is gone
    await request.task


@requirement("G-8")
async def test_draining_ends_a_stream_as_a_whole_answer(site):
    request = site.request("/feed").stream()
    await request.block()
    site.node.publisher.drain()
    assert await request.block() == b""
    assert request.ended
    await request.task
    late = site.request("/feed")
    await late.answer()
    assert late.status == 503


@requirement("R-40", "RFC 6749 §5.2")
@pytest.mark.parametrize("path", ["/feed", "/feed/range?after=0", "/feed/snapshot"])
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer abc",
        "Basic " + base64.b64encode(f"{ORDERS}:tkv_wrong".encode()).decode(),
        "Basic " + base64.b64encode(f"nobody:{SECRET}".encode()).decode(),
        "Basic !!!",
    ],
)
async def test_only_a_resource_server_may_read_the_feed(site, path, authorization):
    request = site.request(path, authorization=authorization)
    body = await request.answer()
    assert request.status == 401
    assert request.headers["www-authenticate"].startswith("Basic ")
    assert msgspec.json.decode(body)["error"] == "invalid_client"
    assert len(site.node.publisher._subscribers) == 0


@pytest.mark.parametrize(
    "path",
    [
        "/feed?after=-1",
        "/feed?after=1.5",
        "/feed?after=9007199254740992",
        "/feed?after=١",
        "/feed?after=1&after=2",
        "/feed/range",
        "/feed/range?after=x",
        "/feed/range?after=1&limit=0",
        "/feed/range?after=1&limit=many",
    ],
)
async def test_a_number_that_is_none_is_refused(site, path):
    request = site.request(path)
    body = await request.answer()
    assert request.status == 400
    assert msgspec.json.decode(body)["error"] == "invalid_request"


@requirement("G-1")
async def test_a_range_is_one_json_document_with_the_profile(site):
    await site.node.revoke_and_publish("a", "b", "c")
    follower = site.node.follower()
    await follower.start()
    request = site.request(f"/feed/range?after={FIRST_HEAD}&limit=2")
    answer = msgspec.json.decode(await request.answer())
    assert (request.status, request.headers["cache-control"]) == (200, "no-store")
    assert answer.keys() == {"version", "profile", "frames", "more"}
    assert (answer["version"], answer["more"]) == (1, True)
    follower.take_range(msgspec.convert(answer, type=RangeSeen))
    assert follower.numbers == [FIRST_HEAD + 1, FIRST_HEAD + 2]


class RangeSeen(msgspec.Struct):
    profile: str
    frames: list[str]


@requirement("G-1", "RFC 9110 §15.5.11")
async def test_a_range_that_is_no_longer_kept_is_gone(site):
    await site.node.revoke_and_publish("a", lifetime=10)
    site.node.clock.advance(1000)
    await site.node.revoke_and_publish("b")
    await site.node.store.tick()
    await site.node.store.purge(limit=10)
    request = site.request(f"/feed/range?after={FIRST_HEAD}")
    body = await request.answer()
    assert request.status == 410
    assert msgspec.json.decode(body)["error"] == "gone"


@requirement("G-1")
async def test_snapshot_range_and_stream_over_http_end_in_one_whole_view(site):
    await site.node.revoke_and_publish(*(f"early-{n}" for n in range(800)))
    snapshot = site.request("/feed/snapshot")
    body = await snapshot.answer()
    assert int(snapshot.headers["content-length"]) == len(body)
    assert snapshot.headers["content-type"] == "application/octet-stream"
    stream = site.request("/feed").stream()
    first = await stream.block()
    await site.node.revoke_and_publish("late")
    follower = site.node.follower()
    follower.take_snapshot(body)
    follower.read(first)
    follower.read(await stream.block())
    assert follower.view.state is ViewState.SYNCHRONIZED
    assert len(follower.view) == 801
    assert follower.knows("early-799")
    assert follower.knows("late")
    stream.leave()
    await stream.task


@requirement("RFC 9110 §13.1.2")
async def test_a_snapshot_that_the_caller_has_is_not_sent_again(site):
    first = site.request("/feed/snapshot")
    await first.answer()
    tag = first.headers["etag"]
    for if_none_match in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = site.request("/feed/snapshot", if_none_match=if_none_match)
        assert await again.answer() == b""
        assert again.status == 304
        assert again.headers["etag"] == tag
    await site.node.revoke_and_publish("a")
    changed = site.request("/feed/snapshot", if_none_match=tag)
    assert await changed.answer()
    assert changed.status == 200


async def test_a_large_snapshot_is_sent_in_pieces(site):
    await site.node.revoke_and_publish(*map(str, range(20_000)))
    request = site.request("/feed/snapshot").stream()
    await request.task
    sizes = []
    while not request._outgoing.empty():
        sizes.append(len(await request.block()))
    assert sum(sizes) == int(request.headers["content-length"]) > 800_000
    assert max(sizes) == 256 * 1024


async def test_a_position_is_remembered_under_the_resource_server_that_sent_it(site):
    body = msgspec.json.encode({**POSITION, "unknown": "ignored", "resource_server": "payments"})
    request = site.request("/feed/position", method="POST", body=body)
    assert await request.answer() == b""
    assert request.status == 204
    (position,) = site.positions.lately()
    assert position.resource_server == ORDERS
    assert (position.instance, position.head, position.lag_ms) == ("i" * 22, 1, 3)
    assert position.keys == ("k",)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b'{"version":1}',
        msgspec.json.encode({**POSITION, "version": 2}),
        msgspec.json.encode({**POSITION, "head": -1}),
        msgspec.json.encode({**POSITION, "lag_ms": "soon"}),
        msgspec.json.encode({**POSITION, "instance": "i" * 65}),
        msgspec.json.encode({**POSITION, "instance": "a b"}),
        msgspec.json.encode({**POSITION, "instance": "a\n"}),
        msgspec.json.encode({**POSITION, "keys": ["k\n"]}),
        msgspec.json.encode({**POSITION, "keys": ["k"] * 101}),
        b'{"version":1,' + msgspec.json.encode(POSITION)[1:],
    ],
)
async def test_a_position_that_is_malformed_is_refused(site, wrong):
    request = site.request("/feed/position", method="POST", body=wrong)
    await request.answer()
    assert request.status == 400
    assert not site.positions.lately()


@requirement("G-5", "RFC 7517 §5")
@pytest.mark.parametrize("path", ["/jwks", "/feed/jwks"])
async def test_key_sets_are_public_cacheable_and_revalidated(site, path):
    request = site.request(path, authorization=None)
    body = await request.answer()
    assert request.status == 200
    assert request.headers["cache-control"] == "public, max-age=300"
    assert request.headers["content-type"] == "application/json"
    assert KeySet.from_jwks(body).keys
    again = site.request(path, authorization=None, if_none_match=request.headers["etag"])
    assert await again.answer() == b""
    assert again.status == 304
    for use in KeyUse:
        await site.node.rollover.rotate(use, "ES256", actor="o", trace="t")
    changed = site.request(path, authorization=None, if_none_match=request.headers["etag"])
    assert (
        len(KeySet.from_jwks(await changed.answer()).keys) == len(KeySet.from_jwks(body).keys) + 1
    )


@requirement("R-70", "G-8")
async def test_a_server_stops_at_once_although_streams_are_open(site):
    async with served(site) as (_, reader, writer):
        writer.write(STREAM_REQUEST)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"event: frame\n")
        await site.node.revoke_and_publish("stolen")
        await reader.readuntil(f"id: {FIRST_HEAD + 1}\n".encode())
    rest = await reader.read()
    assert rest.endswith(b"0\r\n\r\n"), "a whole answer, not a torn one"


@requirement("G-8")
async def test_a_peer_that_reads_nothing_holds_neither_a_place_nor_its_connection(site):
    async with served(site) as (server, reader, writer):
        writer.write(STREAM_REQUEST)
        await reader.readuntil(b"event: frame\n")
        writer.transport.pause_reading()
        for _ in range(8):
            await site.node.revoke_and_publish(*map(str, range(500)))
            await asyncio.sleep(0)
        while len(site.node.publisher._subscribers):
            await site.node.publisher.publish(beat=True)
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not server.server_state.connections
