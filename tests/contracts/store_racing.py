"""Races: of many at once exactly as many win as may, on one event loop and on many threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from contracts.store_plans import (
    ISSUER,
    asked,
    changing,
    claim,
    client,
    entry,
    issuance,
    key,
    number,
    revocation,
    revoking,
    select,
    traces,
)
from support.requirement import requirement
from tokenry.feed.record import first_chain_value, next_chain_value
from tokenry.ports.plans import (
    Changed,
    FactsMoved,
    Issued,
    ProofReplayed,
    PutClient,
    PutKey,
    Revoked,
)
from tokenry.protocol.registry import Origin
from tokenry.protocol.signing_key import KeyState
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.vocabulary.sequence import FIRST_EPOCH, FIRST_HEAD

MANY = 50
THREADS = 8


def on_threads(ask, times: int = MANY) -> list:
    """Run `ask(n)` on event loops of several threads at once; return all answers."""

    def on_one(some: range) -> list:
        async def all_of_them():
            return await asyncio.gather(*(ask(n) for n in some))

        return asyncio.run(all_of_them())

    with ThreadPoolExecutor(THREADS) as pool:
        parts = [range(start, times, THREADS) for start in range(THREADS)]
        return [answer for part in pool.map(on_one, parts) for answer in part]


class RacingContract:
    @requirement("G-2", "R-11")
    async def test_of_many_claims_at_once_exactly_one_wins(self, store):
        outcomes = await asyncio.gather(
            *(store.issue(issuance(f"t{n}", claim=claim("proof"))) for n in range(MANY))
        )
        assert outcomes.count(Issued(number(0))) == 1
        assert outcomes.count(ProofReplayed()) == MANY - 1
        assert await traces(store) == [f"t{outcomes.index(Issued(number(0)))}"]

    @requirement("G-2", "R-11")
    async def test_of_many_claims_on_threads_exactly_one_wins(self, store):
        outcomes = await asyncio.to_thread(
            on_threads, lambda n: store.issue(issuance(f"t{n}", claim=claim("proof")))
        )
        assert outcomes.count(Issued(number(0))) == 1
        assert outcomes.count(ProofReplayed()) == MANY - 1
        assert len(await traces(store)) == 1

    @requirement("G-2")
    async def test_one_who_loses_on_facts_leaves_the_proof_to_another_at_once(self, store):
        """In whatever order they come: the one whose facts hold wins."""
        for name, order in (("first", (7, 0)), ("second", (0, 7))):
            outcomes = await asyncio.gather(
                *(store.issue(issuance(directory=each, claim=claim(name))) for each in order)
            )
            assert set(outcomes) == {FactsMoved(), Issued(number(0))}

    @requirement("G-2")
    async def test_an_issuance_and_a_revocation_with_one_proof_do_not_both_win(self, store):
        outcomes = await asyncio.gather(
            store.revoke(revoking(select("other"), claim=claim("proof"))),
            store.issue(issuance(claim=claim("proof"))),
        )
        assert outcomes.count(ProofReplayed()) == 1

    @requirement("G-1")
    async def test_numbers_have_no_gaps_and_the_chain_holds(self, store):
        outcomes = await asyncio.to_thread(
            on_threads, lambda n: store.revoke(revoking(select(f"a{n}"), select("hot"))), 80
        )
        numbers = sorted(each for outcome in outcomes for each in outcome.numbers)
        assert numbers == [number(n) for n in range(1, 161)]
        assert all(first + 1 == second for first, second in (one.numbers for one in outcomes))
        page = await store.feed_page(ISSUER, after=FIRST_HEAD, limit=1000)
        assert [record.seq for record in page.records] == numbers
        chain = first_chain_value(ISSUER, FIRST_EPOCH)
        for record in page.records:
            chain = next_chain_value(chain, record)
        assert chain == page.head.chain

    @requirement("G-1")
    async def test_who_follows_sees_numbers_in_the_order_of_their_commits(self, store):
        """At any time the head is the last record, and nothing is added below what was seen."""
        seen = FIRST_HEAD
        answered = set()

        async def revoke(n: int):
            outcome = await store.revoke(revoking(select(f"c{n}")))
            answered.update(outcome.numbers)

        async def follow():
            nonlocal seen
            while seen < number(200):
                known = set(answered)
                page = await store.feed_page(ISSUER, after=seen, limit=1000)
                found = [record.seq for record in page.records]
                assert found == list(range(seen + 1, page.head.seq + 1))
                assert max(known, default=FIRST_HEAD) <= page.head.seq
                seen = page.head.seq
                await asyncio.sleep(0)

        await asyncio.gather(follow(), *(revoke(n) for n in range(200)))

    @requirement("G-1")
    async def test_an_issuance_beside_a_revocation_loses_or_is_older(self, store):
        """Its token falls to the record, or it was not issued: there is no third way."""
        for n in range(30):
            head = await store.head(ISSUER)
            issued, revoked = await asyncio.gather(
                store.issue(issuance(rsn=head.seq)), store.revoke(revoking(select("c1")))
            )
            assert issued == FactsMoved() or issued.rsn < revoked.numbers[0], n

    @requirement("G-1")
    async def test_of_many_first_revocations_one_takes_the_number(self, store):
        once = revocation(select("t", SelectorKind.JTI), repeatable=False)
        outcomes = await asyncio.to_thread(on_threads, lambda _: store.revoke(revoking(once)))
        assert outcomes.count(Revoked((number(1),), fresh=True)) == 1
        assert outcomes.count(Revoked((number(1),), fresh=False)) == MANY - 1
        assert (await store.head(ISSUER)).seq == number(1)

    @requirement("R-30")
    async def test_of_many_with_one_idempotency_key_one_writes(self, store):
        outcomes = await asyncio.to_thread(
            on_threads, lambda _: store.revoke(revoking(select("a"), idempotency=asked()))
        )
        assert outcomes == [Revoked((number(1),), fresh=True)] * MANY
        assert await traces(store) == ["revoked"]

    async def test_of_many_changes_of_one_directory_one_is_made(self, store):
        outcomes = await asyncio.to_thread(
            on_threads,
            lambda n: store.change(changing(PutClient(client(f"c{n}")), directory=0)),
        )
        assert outcomes.count(Changed(1)) == 1
        assert outcomes.count(FactsMoved()) == MANY - 1
        assert len(await store.list_clients(ISSUER, after=None, limit=100)) == 1

    async def test_changes_that_expect_nothing_all_count(self, store):
        outcomes = await asyncio.gather(
            *(store.change(changing(PutClient(client(f"c{n}")))) for n in range(MANY))
        )
        assert {outcome.directory for outcome in outcomes} == set(range(1, MANY + 1))

    async def test_of_two_origins_one_gets_the_client(self, store):
        outcomes = await asyncio.gather(
            *(store.change(changing(PutClient(client(origin=each)))) for each in Origin)
        )
        assert sorted(map(type, outcomes), key=str) == [Changed, FactsMoved, FactsMoved]

    @requirement("G-5")
    async def test_a_key_changes_its_state_once(self, store):
        await store.change(changing(PutKey(key(), None)))
        step = PutKey(key(state=KeyState.ACTIVE), KeyState.ANNOUNCED)
        outcomes = await asyncio.gather(*(store.change(changing(step)) for _ in range(10)))
        assert outcomes.count(Changed(2)) == 1
        assert outcomes.count(FactsMoved()) == 9

    @requirement("G-4", "R-60")
    async def test_every_answer_has_its_entry_and_every_entry_its_answer(self, store):
        """Plans of all kinds at once, winners and losers, on several threads."""

        async def ask(n: int):
            match n % 4:
                case 0:
                    plan = issuance(f"t{n}", claim=claim(f"p{n % 24}"), directory=(n // 8) % 2)
                    outcome = await store.issue(plan)
                case 1:
                    outcome = await store.revoke(
                        revoking(select(f"x{n % 7}"), trace=f"t{n}", directory=(n // 8) % 2)
                    )
                case 2:
                    outcome = await store.record((entry(f"t{n}"),))
                case _:
                    change = PutClient(client(f"c{n}"))
                    outcome = await store.change(changing(change, trace=f"t{n}", directory=0))
            return f"t{n}", outcome

        answers = await asyncio.to_thread(on_threads, ask, 200)
        lost = (FactsMoved, ProofReplayed)
        committed = {trace for trace, outcome in answers if not isinstance(outcome, lost)}
        assert len(committed) < 200
        stored = await traces(store)
        assert sorted(stored) == sorted(committed)
        ids = [each.id for each in await store.audit_entries(ISSUER, after=0, limit=1000)]
        assert ids == list(range(1, len(stored) + 1))

    async def test_whoever_gives_up_harms_nobody(self, store):
        """Half of the askers are cancelled while they wait."""
        tasks = [
            asyncio.create_task(store.issue(issuance(f"t{n}", claim=claim(f"p{n}"))))
            for n in range(20)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[1::2] == [Issued(number(0))] * 10
        assert {f"t{n}" for n in range(1, 20, 2)} <= set(await traces(store))
        assert await store.issue(issuance("after")) == Issued(number(0))
