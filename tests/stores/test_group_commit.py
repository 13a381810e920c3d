"""The committer under faults, each injected before anything was persisted, and after (G-4)."""

import asyncio
import os

import pytest

from contracts.store_plans import (
    ISSUER,
    asked,
    changing,
    claim,
    client,
    entry,
    issuance,
    number,
    reference,
    revoking,
    select,
    traces,
)
from stores.faulty_writer import Fault, FaultyWriter, first_time
from support.requirement import requirement
from tokenry.ports.plans import Changed, Issued, ProofReplayed, PutClient, Recorded, Revoked
from tokenry.stores.group_commit import ATTEMPTS, OutcomeUnknown, commit_batch, run_to_end
from tokenry.stores.sqlite import open_sqlite_store
from tokenry.stores.work import CreateIssuer
from tokenry.vocabulary.errors import StoreFull, StoreUnavailable
from tokenry.vocabulary.sequence import FIRST_HEAD


@pytest.fixture
async def faulty(tmp_path, clock):
    """A store on SQLite, and its writer, without faults so far."""
    writers: list[FaultyWriter] = []

    def through(inner):
        writers.append(FaultyWriter(inner, lambda _: None))
        return writers[0]

    store = open_sqlite_store(tmp_path, clock=clock, entropy=os.urandom, through=through)
    await store.create_issuer(ISSUER)
    writers[0].batches.clear()
    yield store, writers[0]
    await store.close()


def plans_of_all_kinds(store):
    return (
        store.issue(issuance("issued", claim=claim("p"), reference=reference("r"))),
        store.revoke(revoking(select("x"), idempotency=asked())),
        store.change(changing(PutClient(client()))),
        store.record((entry("recorded"),)),
    )


ALL_ANSWERS = [Issued(number(0)), Revoked((number(1),), fresh=True), Changed(1), Recorded()]
ALL_TRACES = ["changed", "issued", "recorded", "revoked"]


async def everything_is_there_once(store):
    assert sorted(await traces(store)) == ALL_TRACES
    head = await store.head(ISSUER)
    assert (head.seq, head.directory) == (number(1), 1)
    replayed = issuance(rsn=number(1), directory=1, claim=claim("p"))
    assert await store.issue(replayed) == ProofReplayed()
    assert (await store.find_reference(ISSUER, reference("r").digest)).value == reference("r")
    assert (await store.find_client(ISSUER, "c1")).value == client()


async def nothing_is_there(store):
    assert await traces(store) == []
    head = await store.head(ISSUER)
    assert (head.seq, head.directory) == (FIRST_HEAD, 0)
    assert (await store.find_reference(ISSUER, reference("r").digest)).value is None
    assert (await store.find_client(ISSUER, "c1")).value is None


@requirement("G-4")
@pytest.mark.parametrize("fault", [Fault.ABORTED, Fault.LOST_APPLIED, Fault.LOST_NOT_APPLIED])
async def test_a_fault_that_can_be_mended_is_not_seen_by_anybody(faulty, fault):
    store, writer = faulty
    writer.choose = first_time(fault)
    assert await asyncio.gather(*plans_of_all_kinds(store)) == ALL_ANSWERS
    await everything_is_there_once(store)


@requirement("G-4")
@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.APPLIED])
async def test_of_a_batch_that_was_lost_before_commit_nothing_is_answered_or_left(faulty, fault):
    store, writer = faulty
    writer.choose = first_time(fault)
    outcomes = await asyncio.gather(*plans_of_all_kinds(store), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4
    await nothing_is_there(store)
    assert await asyncio.gather(*plans_of_all_kinds(store)) == ALL_ANSWERS
    await everything_is_there_once(store)


@requirement("G-4")
async def test_what_cannot_be_known_is_answered_to_nobody(faulty):
    store, writer = faulty
    writer.choose = first_time(Fault.UNKNOWABLE)
    outcomes = await asyncio.gather(*plans_of_all_kinds(store), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4
    assert all("unknown" in str(outcome) for outcome in outcomes)


@requirement("G-4")
async def test_a_commit_that_never_happens_is_given_up(faulty):
    store, writer = faulty
    writer.choose = lambda _: Fault.LOST_NOT_APPLIED
    with pytest.raises(StoreUnavailable):
        await store.issue(issuance())
    assert len(writer.batches) == ATTEMPTS
    assert len({batch.id for batch in writer.batches}) == ATTEMPTS
    writer.choose = lambda _: None
    await nothing_is_there(store)


@requirement("G-4")
@pytest.mark.parametrize("fault", [Fault.LOST_APPLIED, Fault.LOST_NOT_APPLIED])
async def test_a_second_loss_in_a_row_is_mended_too(faulty, fault):
    store, writer = faulty
    writer.choose = first_time(fault, times=2)
    assert await store.revoke(revoking(select("a"))) == Revoked((number(1),), fresh=True)
    assert await store.revoke(revoking(select("a"))) == Revoked((number(2),), fresh=True)
    assert await traces(store) == ["revoked", "revoked"]


@requirement("G-4")
async def test_one_bad_plan_harms_no_neighbour(faulty):
    """Its token is stored already, so it breaks the batch; done one by one, only it fails."""
    store, writer = faulty
    await store.issue(issuance("first", reference=reference("r")))
    writer.batches.clear()
    good = [store.issue(issuance(f"good{n}", claim=claim(f"p{n}"))) for n in range(3)]
    bad = store.issue(issuance("bad", reference=reference("r"), claim=claim("bad")))
    revoked = store.revoke(revoking(select("x")))
    outcomes = await asyncio.gather(*good, bad, revoked, return_exceptions=True)
    assert outcomes[:3] == [Issued(number(0))] * 3
    assert isinstance(outcomes[3], StoreUnavailable)
    assert outcomes[4] == Revoked((number(1),), fresh=True)
    assert [len(batch.work) for batch in writer.batches] == [5, 1, 1, 1, 1, 1]
    assert await traces(store) == ["first", "good0", "good1", "good2", "revoked"]


@requirement("G-4")
async def test_a_plan_that_cannot_even_be_written_fails_alone_and_as_it_is(faulty):
    store, _ = faulty
    impossible = issuance(reference=reference("r", expires=1 << 70))
    outcomes = await asyncio.gather(
        store.issue(impossible), store.issue(issuance("fine")), return_exceptions=True
    )
    assert isinstance(outcomes[0], OverflowError)
    assert outcomes[1] == Issued(number(0))
    assert await traces(store) == ["fine"]


@requirement("G-4")
async def test_plans_that_wait_share_a_batch(faulty):
    store, writer = faulty
    await asyncio.gather(*(store.issue(issuance(f"t{n}")) for n in range(100)))
    assert [len(batch.work) for batch in writer.batches] == [100]


@requirement("G-4")
async def test_plans_on_one_row_never_share_a_batch(faulty):
    store, writer = faulty
    targets = ["a", "b", "a", "c", "b", "a"]
    outcomes = await asyncio.gather(
        *(store.revoke(revoking(select(target), trace=target)) for target in targets)
    )
    batches = [[piece.audit[0].trace for piece in batch.work] for batch in writer.batches]
    assert batches == [["a", "b", "c"], ["a", "b"], ["a"]]
    assert [outcome.numbers[0] for outcome in outcomes] == [number(n) for n in (1, 2, 4, 3, 5, 6)]


@requirement("G-4")
async def test_plans_on_one_row_keep_their_order(faulty):
    """The third touches nothing of the first, but must not overtake the second."""
    store, writer = faulty
    await asyncio.gather(
        store.revoke(revoking(select("a"), trace="1")),
        store.revoke(revoking(select("a"), select("b"), trace="2")),
        store.revoke(revoking(select("b"), trace="3")),
    )
    batches = [[piece.audit[0].trace for piece in batch.work] for batch in writer.batches]
    assert batches == [["1"], ["2"], ["3"]]


@requirement("G-4")
async def test_each_of_many_who_are_refused_gets_an_error_of_its_own(faulty):
    store, writer = faulty
    writer.choose = first_time(Fault.BEFORE)
    refused = await asyncio.gather(
        *(store.issue(issuance()) for _ in range(3)), return_exceptions=True
    )
    assert len({id(error) for error in refused}) == 3


class FullWriter(FaultyWriter):
    """A disk that is full when the batch is to be made durable."""

    async def commit(self, batch):
        await self._undo(batch)
        raise OutcomeUnknown(StoreFull("no space"))


async def test_a_full_disk_is_said_at_once_and_not_tried_again(tmp_path, clock):
    writers = []

    def through(inner):
        writers.append(FullWriter(inner, lambda _: None))
        return writers[0]

    store = open_sqlite_store(tmp_path, clock=clock, entropy=os.urandom, through=through)
    with pytest.raises(StoreFull):
        await store.create_issuer(ISSUER)
    assert len(writers[0].batches) == 1
    await store.close()


def test_a_writer_that_waits_is_not_run_without_an_event_loop():
    with pytest.raises(RuntimeError, match="event loop"):
        run_to_end(asyncio.sleep(1))


async def test_on_an_event_loop_the_writer_may_wait(tmp_path, clock):
    """The committer itself does not care whether its writer is a thread's or a loop's."""
    seen = []

    class WaitingWriter:
        async def apply(self, batch):
            await asyncio.sleep(0)
            seen.append("applied")
            return [None] * len(batch.work)

        async def commit(self, batch):
            await asyncio.sleep(0)
            seen.append("committed")

        async def was_committed(self, batch):
            raise AssertionError("nothing was lost")

    answers = await commit_batch(WaitingWriter(), (CreateIssuer(ISSUER),) * 2, os.urandom)
    assert (answers, seen) == ([None, None], ["applied", "committed"])
