"""The ticker: committed time, a clock that is off, and a store that is gone."""

import asyncio

import pytest

from support.manual_clock import ManualClock
from support.requirement import requirement
from tokenry.authority.ticker import MAX_CLOCK_OFFSET, TICKLESS, Ticker
from tokenry.ports.events import UNHEARD, Counted, Unheard
from tokenry.stores.memory import MemoryStore


class Heard(Unheard):
    def __init__(self):
        self.counted = []
        self.noted = []

    def count(self, event, amount=1, /, **labels):
        self.counted.append(event)

    def note(self, weight, what, /, *, error=None, **facts):
        self.noted.append(weight)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def database_clock():
    return ManualClock()


@pytest.fixture
def ticker(clock, database_clock):
    return Ticker(store=MemoryStore(clock=database_clock), clock=clock, events=UNHEARD)


async def test_a_node_is_ready_only_once_a_tick_is_committed(ticker):
    assert ticker.not_ready_because
    await ticker.tick()
    assert ticker.not_ready_because is None


async def test_each_tick_tells_the_publishers(ticker):
    told = []
    ticker.ticked.append(lambda: told.append(True))
    await ticker.tick()
    await ticker.tick()
    assert len(told) == 2


@requirement("G-1")
@pytest.mark.parametrize("direction", [1, -1])
async def test_a_node_whose_clock_is_over_a_second_off_the_databases_is_not_ready(
    ticker, clock, direction
):
    clock.advance(direction * MAX_CLOCK_OFFSET)
    await ticker.tick()
    assert ticker.not_ready_because is None
    clock.advance(direction * 0.001)
    await ticker.tick()
    assert "off the database" in ticker.not_ready_because
    clock.advance(-direction * 0.5)
    await ticker.tick()
    assert ticker.not_ready_because is None


@requirement("G-1")
async def test_the_time_a_slow_commit_takes_is_not_taken_for_a_clock_that_is_off(clock):
    store = MemoryStore(clock=clock)
    commit = store.tick

    async def slow():
        clock.advance(3)
        tick = await commit()
        clock.advance(4)
        return tick

    store.tick = slow
    ticker = Ticker(store=store, clock=clock, events=UNHEARD)
    await ticker.tick()
    assert not ticker.clock_is_off


@requirement("G-8", "G-1")
async def test_without_ticks_the_node_is_not_ready_and_the_fault_is_noted_once(clock):
    store = MemoryStore(clock=clock)
    heard = Heard()
    ticker = Ticker(store=store, clock=clock, events=heard)
    await ticker.tick()
    await store.close()
    for _ in range(3):
        await ticker.tick()
    assert heard.counted == [Counted.TICK_FAILED] * 3
    assert len(heard.noted) == 1
    clock.advance(TICKLESS)
    assert ticker.not_ready_because is None
    clock.advance(0.001)
    assert "no tick" in ticker.not_ready_because


async def test_ticks_keep_to_the_second_and_those_missed_are_not_made_up_for(clock):
    store = MemoryStore(clock=clock)
    commit, pauses, durations = store.tick, [], iter([0.2, 0.25, 5.5, 0.1])

    async def timed():
        clock.advance(next(durations))
        return await commit()

    async def pause(seconds):
        pauses.append(round(seconds, 3))
        clock.advance(seconds)
        if len(pauses) == 4:
            raise asyncio.CancelledError

    store.tick = timed
    ticker = Ticker(store=store, clock=clock, events=UNHEARD, pause=pause)
    with pytest.raises(asyncio.CancelledError):
        await ticker.run()
    assert pauses == [0.8, 0.75, 0.0, 0.9]
