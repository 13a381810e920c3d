"""The publisher: every record once, in order, signed, to everyone who keeps up."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.feed_node import ISSUER, ORDERS, PAYMENTS, FeedNode, read_events, resource_server
from support.requirement import requirement
from tokenry.authority.feed_archive import HistoryDiffers, RecordsNotKept
from tokenry.authority.feed_signing import (
    frame_block,
    gap_block,
    heartbeat_block,
    profile_block,
)
from tokenry.authority.feed_subscription import MAX_WAITING_BLOCKS
from tokenry.feed.frame import NOTHING_STATED
from tokenry.feed.outcomes import ViewState
from tokenry.ports.plans import PutCeiling, RemoveResourceServer
from tokenry.ports.store import FeedPage
from tokenry.protocol.registry import LifetimeCeiling
from tokenry.stores.memory import MemoryStore
from tokenry.vocabulary.errors import InfrastructureFailure, InvalidClient, Overloaded
from tokenry.vocabulary.identifiers import Audience
from tokenry.vocabulary.instant import Seconds, later
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.vocabulary.sequence import FIRST_HEAD


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


async def synchronized(node):
    follower = node.follower()
    await follower.start()
    return follower


def waiting(subscription) -> int:
    return len(subscription._waiting)


@requirement("R-31", "G-1")
async def test_a_revocation_reaches_every_subscriber_as_one_shared_block(node):
    subscriptions = [await node.publisher.subscribe(ORDERS, after=None) for _ in range(5)]
    followers = [await synchronized(node) for _ in subscriptions]
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
        live, late = await synchronized(node), await synchronized(node)
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
async def test_closed_is_the_tick_of_the_snapshot_that_was_read_and_never_this_nodes_clock(node):
    follower = await synchronized(node)
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
async def test_only_a_frame_that_reaches_the_head_says_what_is_closed(node):
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    follower = await synchronized(node)
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
    follower = await synchronized(node)
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
    follower = await synchronized(node)
    follower.read(await diligent.next())
    for number in range(MAX_WAITING_BLOCKS + 1):
        await node.revoke_and_publish(str(number))
        follower.read(await diligent.next())
    assert idle.was_dropped
    assert waiting(idle) == 0, "nothing is kept for it"
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
    follower = await synchronized(node)
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
    follower = await synchronized(node)
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


@requirement("R-04", "G-1")
async def test_a_profile_says_what_was_declared_and_counts_ceilings_in_force(node):
    now = node.clock.now()
    await node.change(
        PutCeiling(LifetimeCeiling(resource_server=ORDERS, lifetime=Seconds(900), until=None)),
        PutCeiling(
            LifetimeCeiling(resource_server=ORDERS, lifetime=Seconds(4000), until=later(now, -1))
        ),
        PutCeiling(LifetimeCeiling(resource_server=PAYMENTS, lifetime=Seconds(5000), until=None)),
    )
    await node.publisher.publish()
    follower = await synchronized(node)
    profile = follower.profiles[-1]
    assert profile.audience == "https://orders.example"
    assert profile.max_token_lifetime == 900
    assert (profile.tiers.fresh, profile.tiers.reduced, profile.tiers.survival) == (5, 60, 900)
    assert profile.low_risk_scopes == {"orders.read"}
    assert profile.survival_scopes == frozenset()
    assert profile.leeway == 5
    assert profile.profile == (await node.store.head(ISSUER)).profiles


async def test_tiers_that_were_declared_out_of_order_are_widened(node):
    await node.put(
        resource_server(
            PAYMENTS,
            fresh=Seconds(30),
            reduced=Seconds(20),
            survival=Seconds(10),
            lifetime=Seconds(5),
        )
    )
    await node.publisher.publish()
    follower = node.follower()
    follower.take_snapshot((await node.publisher.snapshot(PAYMENTS)).body.to_bytes())
    tiers = follower.profiles[-1].tiers
    assert (tiers.fresh, tiers.reduced, tiers.survival) == (30, 30, 30)


async def test_a_changed_profile_is_sent_to_its_own_subscribers_with_a_higher_version(node):
    await node.put(resource_server(PAYMENTS))
    await node.publisher.publish()
    streams = {
        name: await node.publisher.subscribe(name, after=None) for name in (ORDERS, PAYMENTS)
    }
    followers = {name: node.follower() for name in streams}
    for name, stream in streams.items():
        followers[name].read(await stream.next())
    await node.put(resource_server(leeway=Seconds(7)))
    await node.publisher.publish()
    for name, stream in streams.items():
        followers[name].read(await stream.next())
    before, after = followers[ORDERS].profiles
    assert (before.leeway, after.leeway) == (5, 7)
    assert after.profile > before.profile
    assert [p.audience for p in followers[PAYMENTS].profiles] == ["https://payments.example"] * 2


async def test_the_streams_of_a_removed_resource_server_end_and_it_gets_no_more(node):
    await node.put(resource_server(PAYMENTS))
    await node.publisher.publish()
    removed = await node.publisher.subscribe(PAYMENTS, after=None)
    kept = await node.publisher.subscribe(ORDERS, after=None)
    await removed.next()
    await node.change(RemoveResourceServer(PAYMENTS))
    await node.publisher.publish()
    assert await removed.next() is None
    assert await kept.next() is not None
    with pytest.raises(InvalidClient):
        await node.publisher.subscribe(PAYMENTS, after=None)


@requirement("R-05", "G-5")
async def test_no_frame_is_signed_by_a_feed_key_that_its_record_removes(node):
    follower = await synchronized(node)
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
        assert waiting(subscription) == 0
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


class Running:
    """The background task, with rests that a test ends."""

    def __init__(self, node):
        self.node = node
        self.rests = asyncio.Queue()
        self.asked = []
        node.publisher._pause = self.pause

    async def pause(self, seconds):
        self.asked.append(seconds)
        await self.rests.get()

    async def __aenter__(self):
        self.task = asyncio.create_task(self.node.publisher.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


@requirement("R-31", "G-1")
async def test_the_first_record_leaves_at_once_and_those_of_the_next_rest_are_one_frame(node):
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    follower = await synchronized(node)
    follower.read(await subscription.next())
    async with Running(node) as running:
        follower.read(await subscription.next())  # the first heartbeat
        await node.revoke("first")
        node.bus.announce(ISSUER)
        follower.read(await subscription.next())
        assert follower.numbers == [FIRST_HEAD + 1]
        for name in ("second", "third"):
            await node.revoke(name)
            node.bus.announce(ISSUER)
        assert waiting(subscription) == 0
        running.rests.put_nowait(None)
        follower.read(await subscription.next())
    assert follower.frames[-1].first == FIRST_HEAD + 2
    assert follower.frames[-1].last == FIRST_HEAD + 3
    assert all(0.020 <= rest <= 0.050 for rest in running.asked)


async def test_the_publisher_stops_when_cancelled_and_its_streams_end(node):
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    async with Running(node):
        await subscription.next()
        await subscription.next()
    assert await subscription.next() is None


@requirement("G-8")
async def test_a_store_that_fails_is_asked_again_and_nothing_is_lost(node):
    subscription = await node.publisher.subscribe(ORDERS, after=None)
    follower = await synchronized(node)
    follower.read(await subscription.next())
    healthy = node.store
    broken = MemoryStore(clock=node.clock)
    await broken.close()
    async with Running(node):
        follower.read(await subscription.next())
        node.publisher._store = broken
        await node.revoke("a")
        node.bus.announce(ISSUER)
        for _ in range(3):
            await asyncio.sleep(0)
        assert waiting(subscription) == 0
        node.publisher._store = healthy
        node.publisher.beat()
        follower.read(await subscription.next())
    assert follower.numbers == [FIRST_HEAD + 1]


async def test_profiles_of_other_versions_do_not_go_back(node):
    await node.put(resource_server(audience=Audience("https://moved.example")))
    await node.publisher.publish()
    version = node.publisher._profiles.version
    await node.publisher._profiles.read(version - 1)
    assert node.publisher._profiles.version == version


def test_blocks_are_what_the_wire_format_says():
    answer = msgspec.json.encode({"after": 7})

    assert gap_block(7) == b"event: gap\ndata: " + answer + b"\n\n"
    assert frame_block(9, "a.b.c") == b"event: frame\nid: 9\ndata: a.b.c\n\n"
    assert heartbeat_block("a.b.c") == b"event: heartbeat\ndata: a.b.c\n\n"
    assert profile_block("a.b.c") == b"event: profile\ndata: a.b.c\n\n"
