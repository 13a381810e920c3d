"""Purging: bounded batches, quickly while there is more, and never on its own clock."""

import asyncio

import pytest

from support.feed_node import ISSUER, FeedNode
from support.requirement import requirement
from tokenry.authority.purge import BATCH, BETWEEN_BATCHES, WHEN_IDLE, Purge
from tokenry.ports.events import UNHEARD
from tokenry.stores.memory import MemoryStore


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


async def pauses_of(store, count):
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == count:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Purge(store=store, events=UNHEARD, pause=pause).run()
    return pauses


@requirement("R-36")
async def test_what_has_run_out_goes_in_batches_and_what_has_not_stays(node):
    await node.revoke(*map(str, range(BATCH + 1)), lifetime=10)
    await node.revoke("alive", lifetime=100_000)
    node.clock.advance(10_000)
    await node.store.tick()
    pauses = await pauses_of(node.store, 2)
    assert pauses == [BETWEEN_BATCHES, WHEN_IDLE]
    live = await node.store.live_records(ISSUER)
    assert len(live.records) == 41
    assert len(node.store._issuers[ISSUER].records) == 1


@requirement("R-36", "G-1")
async def test_without_a_tick_nothing_has_run_out(node):
    await node.revoke("a", lifetime=10)
    node.clock.advance(10_000)
    purge = Purge(store=node.store, events=UNHEARD)
    assert not await purge.batch()
    assert len(node.store._issuers[ISSUER].records) == 1


async def test_a_store_that_fails_is_asked_later(node):
    broken = MemoryStore(clock=node.clock)
    await broken.close()
    assert await pauses_of(broken, 3) == [WHEN_IDLE] * 3
