"""The queue before the committer: bounded, fair, and never without an answer (G-4, G-8)."""

import asyncio
import threading

import pytest

from contracts.store_plans import ISSUER, changing, client, entry, issuance, revoking, select
from support.requirement import requirement
from tokenry.ports.plans import PutClient
from tokenry.stores.waiting_plans import WaitingPlans
from tokenry.stores.work import CreateIssuer, PurgeRows, RecordEntries, Tick
from tokenry.vocabulary.bounds import MAX_WAITING_PLANS
from tokenry.vocabulary.errors import Overloaded, StoreUnavailable


@pytest.fixture
def wakes():
    return []


@pytest.fixture
def waiting(wakes):
    return WaitingPlans(wake=lambda: wakes.append(None))


def settle_all(waiting, answer=None) -> int:
    batch = waiting.take()
    waiting.settle(batch, [answer] * len(batch))
    return len(batch)


@requirement("G-8")
async def test_the_thousand_and_first_plan_is_refused_before_any_work(waiting):
    for _ in range(MAX_WAITING_PLANS):
        waiting.admit()
        waiting.submit(issuance())
    for refused in (issuance(), revoking(select("a")), RecordEntries((entry("a"),))):
        with pytest.raises(Overloaded) as error:
            waiting.submit(refused)
        assert error.value.retry_after >= 1
    with pytest.raises(Overloaded):
        waiting.admit()
    assert len(waiting) == MAX_WAITING_PLANS


@requirement("G-8")
async def test_plans_count_until_they_are_answered(waiting):
    for _ in range(MAX_WAITING_PLANS):
        waiting.submit(issuance())
    batch = waiting.take()
    with pytest.raises(Overloaded):
        waiting.admit()
    waiting.settle(batch, [None] * len(batch))
    waiting.admit()
    assert len(waiting) == 0


@requirement("G-1", "G-8")
async def test_ticks_are_taken_even_from_the_overloaded(waiting):
    for _ in range(MAX_WAITING_PLANS):
        waiting.submit(issuance())
    for errand in (Tick(), PurgeRows(5), CreateIssuer(ISSUER)):
        waiting.submit(errand)
    assert len(waiting) == MAX_WAITING_PLANS + 3


async def test_the_committer_is_woken_once_a_turn_after_all_its_plans(waiting, wakes):
    for _ in range(5):
        waiting.submit(issuance())
    assert wakes == []
    await asyncio.sleep(0)
    assert len(wakes) == 1
    assert settle_all(waiting) == 5
    waiting.submit(issuance())
    await asyncio.sleep(0)
    assert len(wakes) == 2


async def test_answers_and_errors_reach_those_who_asked(waiting):
    first, second = waiting.submit(issuance()), waiting.submit(issuance())
    waiting.settle(waiting.take(), ["answer", StoreUnavailable("gone")])
    assert await first == "answer"
    with pytest.raises(StoreUnavailable, match="gone"):
        await second


async def test_who_gave_up_before_it_was_taken_is_not_done_and_not_counted(waiting):
    kept, given_up = waiting.submit(issuance()), waiting.submit(issuance())
    given_up.cancel()
    batch = waiting.take()
    assert [future for _, future, _ in batch] == [kept]
    assert len(waiting) == 1


async def test_who_gives_up_afterwards_is_passed_over(waiting):
    kept, given_up = waiting.submit(issuance()), waiting.submit(issuance())
    batch = waiting.take()
    given_up.cancel()
    waiting.settle(batch, ["a", "b"])
    assert await kept == "a"
    assert given_up.cancelled()
    assert len(waiting) == 0


async def test_what_stays_for_the_next_batch_is_said(waiting):
    first, second = (waiting.submit(revoking(select("a"))) for _ in range(2))
    assert [future for _, future, _ in waiting.take()] == [first]
    assert waiting.must_take_again
    assert [future for _, future, _ in waiting.take()] == [second]
    assert not waiting.must_take_again


@requirement("G-4", "G-8")
async def test_who_relies_on_the_directory_shares_a_batch_with_all_but_its_changes(waiting):
    def relying(*names):
        return [waiting.submit(revoking(select(name), directory=1)) for name in names]

    def taken():
        return [future for _, future, _ in waiting.take()]

    before = relying("a", "b")
    change = waiting.submit(changing(PutClient(client())))
    after = relying("c", "d")
    free = waiting.submit(revoking(select("e")))
    assert taken() == [*before, free]
    assert taken() == [change]
    assert taken() == after


async def test_once_closed_it_takes_no_more_and_gives_out_what_it_has(waiting, wakes):
    accepted = waiting.submit(issuance())
    waiting.close("closed by the test")
    assert len(wakes) == 1
    for ask in (waiting.admit, lambda: waiting.submit(Tick())):
        with pytest.raises(StoreUnavailable, match="closed by the test"):
            ask()
    assert not waiting.is_finished
    waiting.settle(waiting.take(), ["answer"])
    assert await accepted == "answer"
    assert waiting.is_finished


def test_an_event_loop_that_has_ended_holds_nobody_up(waiting):
    async def ask_and_leave():
        waiting.submit(issuance())

    async def ask_and_wait():
        asked = waiting.submit(issuance())
        threading.Thread(target=settle_all, args=(waiting, "answer")).start()
        return await asked

    asyncio.run(ask_and_leave())
    assert asyncio.run(ask_and_wait()) == "answer"
    assert len(waiting) == 0
