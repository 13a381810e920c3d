"""The publisher: every record once, in order, signed, to everyone who keeps up."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.feed_node import (
    ISSUER,
    ORDERS,
    FeedNode,
    read_events,
    waiting_blocks,
)
from support.requirement import requirement
from tokenry.authority.feed_archive import HistoryDiffers
from tokenry.authority.feed_signing import (
    frame_block,
    gap_block,
    heartbeat_block,
    profile_block,
)
from tokenry.authority.feed_subscription import MAX_WAITING_BLOCKS
from tokenry.feed.frame import NOTHING_STATED
from tokenry.ports.store import FeedPage
from tokenry.stores.memory import MemoryStore
from tokenry.vocabulary.errors import InfrastructureFailure, Overloaded
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.vocabulary.sequence import FIRST_HEAD


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


@requirement("R-31", "G-1")
async def test_a_revocation_reaches_every_subscriber_as_one_shared_block(node):
    subscriptions = [await node.publisher.subscribe(ORDERS, after=None) for _ in range(5)]
    followers = [await node.synchronized() for _ in subscriptions]
    for follower, subscription in zip(followers, subscriptions, strict=True):
        follower.read(await subscription.next())
    await node.revoke_and_publish("stolen")
    blocks = [await subscription.next() for subscription in subscriptions]
    for follower, block in zip(followers, blocks, strict=True):
        assert not follower.knows("stolen")
        follower.read(block)
        assert follower.knows("stolen")
    assert len({id(block) for block in blocks}) == 1, "signed and written once"


@requirement("G-1")
async def test_a_stream_opens_with_the_profile_and_says_where_the_head_is(node):
    await node.revoke_and_publish("a", "b")
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    events = read_events(await subscription.next())
    assert [event.event for event in events] == ["profile", "frame"]
    assert events[1].id == str(FIRST_HEAD + 2)


@requirement("G-1")
@given(
    batches=st.lists(st.integers(min_value=0, max_value=700), min_size=1, max_size=6),
    resumed_at=st.integers(min_value=0, max_value=2000),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_frames_rebuild_the_chain_however_records_were_coalesced(
    tmp_path_factory, batches, resumed_at
):
    async def follow():
        node = await FeedNode.started(tmp_path_factory.mktemp("node"))
        live, late = await node.synchronized(), await node.synchronized()
        subscription = await node.publisher.subscribe(ORDERS, after=None)
        for number, batch in enumerate(batches):
            await node.revoke(*(f"{number}-{index}" for index in range(batch)))
            await node.publisher.publish()
        while (await node.publisher.publish()).more:
            pass
        live.read(await subscription.next())
        live.read(await subscription.next())
        head = await node.store.head(ISSUER)
        after = min(FIRST_HEAD + resumed_at, head.seq)
        resumed = await node.publisher.subscribe(ORDERS, after=after)
        while late.frames == [] or late.frames[-1].last < head.seq:
            late.read(await resumed.next())
        # Exactly the missing frames: every number once, in order, from the first missing one on.
        assert late.numbers == list(range(after + 1, head.seq + 1))
        assert live.view.chain_head.chain == head.chain
        assert live.view.head == head.seq == late.frames[-1].last
        assert late.frames[-1].chain == head.chain

    if any(batches):
        asyncio.run(follow())


@requirement("G-1")
async def test_only_a_frame_that_reaches_the_head_says_what_is_closed(node):
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    follower = await node.synchronized()
    await node.revoke(*map(str, range(1200)))
    tick = await node.store.tick()
    assert (await node.publisher.publish(beat=True)).more
    # Who joins in the middle of it is not told that it is up to date either.
    joined = node.follower()
    joined.read(await (await node.publisher.subscribe(ORDERS, after=None)).next())
    assert joined.frames[-1].closed == NOTHING_STATED
    while (await node.publisher.publish(beat=True)).more:
        pass
    follower.read(await subscription.next())
    follower.read(await subscription.next())
    records = [frame for frame in follower.frames if frame.records]
    assert [frame.closed for frame in records] == [NOTHING_STATED, NOTHING_STATED, tick]
    assert len(follower.heartbeats) == 1, "none before everything was sent"


@requirement("G-1")
async def test_a_heartbeat_names_the_head_and_freshens_a_view_without_records(node):
    follower = await node.synchronized()
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    node.clock.advance(3)
    assert follower.view.staleness(follower.reading()) == 3000
    await node.store.tick()
    await node.publisher.publish(beat=True)
    follower.read(await subscription.next())
    follower.read(await subscription.next())
    assert follower.view.staleness(follower.reading()) == 0


@requirement("G-8")
async def test_a_subscriber_that_reads_nothing_is_dropped_and_others_are_not_affected(node):
    idle = await node.publisher.subscribe(ORDERS, after=None)
    diligent = await node.publisher.subscribe(ORDERS, after=None)
    follower = await node.synchronized()
    follower.read(await diligent.next())
    for number in range(MAX_WAITING_BLOCKS + 1):
        await node.revoke_and_publish(str(number))
        follower.read(await diligent.next())
    assert idle.was_dropped
    assert waiting_blocks(idle) == 0, "nothing is kept for it"
    assert len(node.publisher._subscribers) == 1
    assert await idle.next() is None
    assert follower.numbers == list(range(FIRST_HEAD + 1, FIRST_HEAD + MAX_WAITING_BLOCKS + 2))
    # It resumes where it was, and misses nothing.
    resumed = node.follower()
    resumed.read(await (await node.publisher.subscribe(ORDERS, after=FIRST_HEAD + 2)).next())
    assert resumed.numbers == follower.numbers[2:]


@requirement("G-8")
async def test_subscribers_are_bounded_and_a_place_is_free_again_when_one_leaves(tmp_path):
    node = await FeedNode.started(tmp_path, most_subscribers=2)
    first = await node.publisher.subscribe(ORDERS, after=None)
    await node.publisher.subscribe(ORDERS, after=None)
    with pytest.raises(Overloaded):
        await node.publisher.subscribe(ORDERS, after=None)
    first.end()
    first.end()
    assert await node.publisher.subscribe(ORDERS, after=None)


@requirement("R-05", "G-5")
async def test_no_frame_is_signed_by_a_feed_key_that_its_record_removes(node):
    follower = await node.synchronized()
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    stolen = node.publisher._signing.kid
    changes = await node.rollover.emergency_removal(stolen)
    await node.revoke_and_publish(stolen, kind=SelectorKind.KEY, changes=changes)
    # The follower verifies with the key set of now, which the stolen key is not in.
    events = read_events(await subscription.next())
    events += read_events(await subscription.next())
    follower.take(events[-1])
    assert follower.numbers == [FIRST_HEAD + 1]
    assert stolen.encode() not in node.ring.feed_jwks()
    assert node.publisher._signing.kid != stolen


@requirement("G-1")
async def test_observers_are_told_of_every_record_in_order_before_it_is_sent(node):
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    await subscription.next()
    seen = []

    def observe(page: FeedPage) -> None:
        assert waiting_blocks(subscription) == 0
        seen.extend(record.seq for record in page.records)

    node.publisher.observers.append(observe)
    await node.revoke_and_publish(*map(str, range(3)))
    assert seen == [FIRST_HEAD + 1, FIRST_HEAD + 2, FIRST_HEAD + 3]


@requirement("G-1")
async def test_a_database_that_was_set_back_stops_the_publisher(node):
    await node.revoke_and_publish("a", "b")
    older = MemoryStore(clock=node.clock)
    await older.create_issuer(ISSUER)
    node.publisher._store = older
    with pytest.raises(HistoryDiffers):
        await node.publisher.run()


@requirement("G-1")
async def test_a_database_with_another_history_stops_the_publisher(node, tmp_path_factory):
    other = await FeedNode.started(tmp_path_factory.mktemp("other"))
    await node.revoke_and_publish("a")
    await other.revoke_and_publish("b", "c")
    node.publisher._store = other.store
    with pytest.raises(HistoryDiffers):
        await node.publisher.publish()


async def test_before_the_first_read_nobody_is_served(tmp_path):
    node = FeedNode(tmp_path)
    assert not node.publisher.has_published
    for ask in (
        node.publisher.subscribe(ORDERS, after=None),
        node.publisher.snapshot(ORDERS),
        node.publisher.range(ORDERS, after=FIRST_HEAD, limit=1),
    ):
        with pytest.raises(InfrastructureFailure):
            await ask
    await node.store.create_issuer(ISSUER)
    await node.rollover.ensure()
    await node.publisher.publish()
    assert node.publisher.has_published


async def test_draining_ends_every_stream_after_what_waits_and_takes_no_more(node):
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    await node.revoke_and_publish("last")
    node.publisher.drain()
    follower = node.follower()
    while (blocks := await subscription.next()) is not None:
        follower.read(blocks)
    assert follower.numbers == [FIRST_HEAD + 1]
    with pytest.raises(InfrastructureFailure):
        await node.publisher.subscribe(ORDERS, after=None)


def test_blocks_are_what_the_wire_format_says():
    answer = msgspec.json.encode({"after": 7})

    assert gap_block(7) == b"event: gap\ndata: " + answer + b"\n\n"
    assert frame_block(9, "a.b.c") == b"event: frame\nid: 9\ndata: a.b.c\n\n"
    assert heartbeat_block("a.b.c") == b"event: heartbeat\ndata: a.b.c\n\n"
    assert profile_block("a.b.c") == b"event: profile\ndata: a.b.c\n\n"
