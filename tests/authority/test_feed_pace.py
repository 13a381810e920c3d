"""The publisher as a background task: at once, then coalesced, through failures, to its end."""

import asyncio

import pytest

from support.feed_node import (
    ISSUER,
    ORDERS,
    FeedNode,
    waiting_blocks,
)
from support.requirement import requirement
from tokenry.stores.memory import MemoryStore
from tokenry.vocabulary.sequence import FIRST_HEAD


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


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
    follower = await node.synchronized()
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
        assert waiting_blocks(subscription) == 0
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
    follower = await node.synchronized()
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
        assert waiting_blocks(subscription) == 0
        node.publisher._store = healthy
        node.publisher.beat()
        follower.read(await subscription.next())
    assert follower.numbers == [FIRST_HEAD + 1]
