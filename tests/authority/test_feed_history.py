"""Resuming, ranges and snapshots: what is missing, exactly, or a gap that says so."""

import asyncio

import pytest

from support.feed_node import (
    ISSUER,
    ORDERS,
    PAYMENTS,
    FeedNode,
    resource_server,
)
from support.requirement import requirement
from tokenry.authority.feed_archive import RecordsNotKept
from tokenry.feed.frame import NOTHING_STATED
from tokenry.feed.outcomes import ViewState
from tokenry.vocabulary.sequence import FIRST_HEAD


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


@requirement("G-1")
async def test_closed_is_the_tick_of_the_snapshot_that_was_read_and_never_this_nodes_clock(node):
    follower = await node.synchronized()
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    tick = await node.store.tick()
    node.clock.advance(30)  # nobody commits a tick meanwhile
    await node.revoke_and_publish("a")
    await node.publisher.publish(beat=True)
    await node.publisher.subscribe(ORDERS, after=None)
    follower.read(await subscription.next())
    follower.read(await subscription.next())
    assert {frame.closed for frame in follower.frames} == {tick}
    assert {heartbeat.closed for heartbeat in follower.heartbeats} == {tick}
    snapshot = node.follower()
    await snapshot.start()
    assert snapshot.view.closed == tick


@requirement("G-1")
async def test_resuming_gives_exactly_the_missing_frames_from_memory(node):
    for number in range(10):
        await node.revoke_and_publish(str(number))
    node.store.feed_page = None  # nothing is read
    follower = node.follower()
    follower.read(await (await node.publisher.subscribe(ORDERS, after=FIRST_HEAD + 4)).next())
    assert follower.numbers == list(range(FIRST_HEAD + 5, FIRST_HEAD + 11))


@requirement("G-1")
async def test_what_is_published_while_a_subscriber_catches_up_follows_without_gap_or_repetition(
    node,
):
    await node.revoke_and_publish(*map(str, range(1100)))
    node.publisher._opening.forget()
    subscription = await node.publisher.subscribe(ORDERS, after=FIRST_HEAD + 1)
    follower = node.follower()
    follower.read(await subscription.next())  # the profile
    follower.read(await subscription.next())  # the first frames of the past
    await node.revoke_and_publish("while catching up")
    while not follower.frames or follower.frames[-1].last < FIRST_HEAD + 1101:
        follower.read(await subscription.next())
    assert follower.numbers == list(range(FIRST_HEAD + 2, FIRST_HEAD + 1102))
    caught_up = [frame.closed for frame in follower.frames if frame.last < FIRST_HEAD + 1100]
    assert set(caught_up) == {NOTHING_STATED}


@requirement("G-1", "R-32")
async def test_who_asks_for_records_that_were_purged_is_told_of_a_gap(node):
    await node.revoke_and_publish("short lived", lifetime=10)
    node.clock.advance(1000)
    await node.revoke_and_publish("later")
    await node.store.tick()
    assert (await node.store.purge(limit=100)).records == 1
    node.publisher._opening.forget()
    follower = node.follower()
    subscription = await node.publisher.subscribe(ORDERS, after=FIRST_HEAD)
    for _ in range(2):
        follower.read(await subscription.next())
    assert follower.gaps == [FIRST_HEAD]
    assert follower.frames[-1].last == FIRST_HEAD + 2
    assert not follower.frames[-1].records
    with pytest.raises(RecordsNotKept):
        await node.publisher.range(ORDERS, after=FIRST_HEAD, limit=10)
    await follower.start()
    assert follower.view.state is ViewState.SYNCHRONIZED


@requirement("G-1")
async def test_a_number_above_the_head_is_answered_with_where_the_head_is(node):
    await node.revoke_and_publish("a")
    ahead = FIRST_HEAD + 99
    follower = node.follower()
    follower.read(await (await node.publisher.subscribe(ORDERS, after=ahead)).next())
    follower.take_range(await node.publisher.range(ORDERS, after=ahead, limit=10))
    assert [frame.last for frame in follower.frames] == [FIRST_HEAD + 1] * 2
    assert follower.numbers == []


@requirement("G-1")
async def test_a_range_says_whether_more_is_there_and_ends_at_the_head(node):
    await node.revoke_and_publish(*map(str, range(1300)))
    follower = await node.synchronized()
    after, more, answers = FIRST_HEAD, True, 0
    while more:
        answer = await node.publisher.range(ORDERS, after=after, limit=600)
        follower.take_range(answer)
        after, more, answers = follower.frames[-1].last, answer.more, answers + 1
    assert answers == 3
    assert follower.numbers == list(range(FIRST_HEAD + 1, FIRST_HEAD + 1301))
    assert max(len(frame.records) for frame in follower.frames) == 500 * 41
    nothing_after = await node.publisher.range(ORDERS, after=after, limit=600)
    assert len(nothing_after.frames) == 1
    assert not nothing_after.more


@requirement("G-1", "R-32")
async def test_snapshot_range_and_live_frames_compose_to_the_whole(node):
    await node.revoke_and_publish(*(f"early-{n}" for n in range(30)))
    follower = node.follower()
    body = (await node.publisher.snapshot(ORDERS)).body.to_bytes()
    await node.revoke_and_publish(*(f"between-{n}" for n in range(30)))
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    await node.revoke_and_publish(*(f"live-{n}" for n in range(30)))
    follower.take_snapshot(body)
    follower.take_range(await node.publisher.range(ORDERS, after=follower.view.head, limit=10_000))
    for _ in range(2):
        follower.read(await subscription.next())
    ids = [f"{when}-{n}" for when in ("early", "between", "live") for n in range(30)]
    assert all(follower.knows(each) for each in ids)
    assert not any(outcome.alarm for outcome in follower.outcomes)
    assert follower.view.chain_head.chain == (await node.store.head(ISSUER)).chain


@requirement("G-1")
async def test_a_snapshot_holds_exactly_the_live_records(node):
    await node.revoke_and_publish("gone", lifetime=10)
    await node.revoke_and_publish("alive", lifetime=1000)
    node.clock.advance(100)
    await node.store.tick()
    await node.publisher.publish(beat=True)
    follower = await node.synchronized()
    assert len(follower.view) == 1
    assert follower.knows("alive")
    assert follower.view.head == FIRST_HEAD + 2
    live = await node.store.live_records(ISSUER)
    assert (await node.publisher.snapshot(ORDERS)).body.records == live.records


async def test_a_snapshot_is_shared_until_the_head_moves(node):
    await node.put(resource_server(PAYMENTS))
    await node.revoke_and_publish("a")
    first = await node.publisher.snapshot(ORDERS)
    again = await node.publisher.snapshot(ORDERS)
    other = await node.publisher.snapshot(PAYMENTS)
    assert first.entity_tag == again.entity_tag != other.entity_tag
    assert first.body.records is other.body.records
    await node.revoke_and_publish("b")
    later_one = await node.publisher.snapshot(ORDERS)
    assert later_one.entity_tag != first.entity_tag


@requirement("G-8")
async def test_of_many_that_start_cold_one_snapshot_is_built_for_all(node):
    await node.revoke_and_publish("a")
    builds = []
    read = node.store.live_records

    async def counted(issuer):
        builds.append(issuer)
        await asyncio.sleep(0)
        return await read(issuer)

    node.store.live_records = counted
    answers = await asyncio.gather(*(node.publisher.snapshot(ORDERS) for _ in range(50)))
    assert len(builds) == 1
    assert len({answer.entity_tag for answer in answers}) == 1


@requirement("G-8")
async def test_while_building_rests_the_last_snapshot_is_given_out_and_range_leads_on(node):
    await node.revoke_and_publish("a")
    read = node.store.live_records

    async def slow(issuer):
        node.clock.advance(2)
        return await read(issuer)

    node.store.live_records = slow
    first = await node.publisher.snapshot(ORDERS)
    await node.revoke_and_publish("b")
    assert (await node.publisher.snapshot(ORDERS)).entity_tag == first.entity_tag
    follower = node.follower()
    follower.take_snapshot(first.body.to_bytes())
    follower.take_range(await node.publisher.range(ORDERS, after=follower.view.head, limit=10))
    assert follower.knows("b")
    node.clock.advance(8.1)
    assert (await node.publisher.snapshot(ORDERS)).entity_tag != first.entity_tag
