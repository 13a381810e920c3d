"""Purging: only what the newest tick has outlived, a bounded number at a time (R-36)."""

import asyncio

import msgspec
import pytest

from contracts.store_plans import (
    HOUR,
    ISSUER,
    OTHER_ISSUER,
    asked,
    ceiling,
    changing,
    claim,
    issuance,
    number,
    reference,
    revocation,
    revoking,
    select,
    set_clock,
    traces,
)
from support.manual_clock import START
from support.requirement import requirement
from tokenry.feed.record import NEVER, next_chain_value
from tokenry.ports.plans import (
    Changed,
    FactsMoved,
    Issued,
    ProofReplayed,
    PutCeiling,
    Revoked,
)
from tokenry.ports.store import Purged, RecordsGone
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.vocabulary.sequence import FIRST_HEAD

SECOND = START // 1000
MARGIN = 60
NOTHING = Purged()


async def ticked(store, clock, *, seconds: float):
    """Commit a tick so many seconds after the start."""
    set_clock(clock, START + int(seconds * 1000))
    await store.tick()


class PurgingContract:
    async def test_nothing_is_purged_before_a_tick_has_outlived_it(self, store, clock):
        """The clock alone does nothing: only what is committed as a tick counts."""
        await store.revoke(revoking(select("a"), idempotency=asked()))
        await store.issue(issuance(rsn=number(1), claim=claim("p"), reference=reference("r")))
        clock.advance(10 * 24 * 3600)
        assert await store.purge(limit=100) == NOTHING
        await store.tick()
        assert await store.purge(limit=100) == Purged(
            records=1, floors=1, replay_keys=1, reference_tokens=1, idempotency_keys=1
        )
        assert await store.purge(limit=100) == NOTHING

    @requirement("G-1")
    async def test_a_record_goes_a_margin_after_its_expiry(self, store, clock):
        await store.revoke(revoking(revocation(select("a"), expires=SECOND + 10)))
        await ticked(store, clock, seconds=10 + MARGIN - 0.001)
        assert (await store.purge(limit=9)).records == 0
        await ticked(store, clock, seconds=10 + MARGIN)
        assert (await store.purge(limit=9)).records == 1

    @requirement("G-1")
    async def test_a_record_that_never_expires_is_never_purged(self, store, clock):
        await store.revoke(revoking(revocation(select("k", SelectorKind.KEY), expires=NEVER)))
        await ticked(store, clock, seconds=100 * 365 * 24 * 3600)
        assert (await store.purge(limit=9)).records == 0
        assert len((await store.live_records(ISSUER)).records) == 41

    @requirement("G-1")
    async def test_who_asks_for_a_broken_run_is_sent_to_a_snapshot(self, store, clock):
        """Record 2 goes, 1 and 3 stay: what follows 2 is whole, what follows 1 is not."""
        ends = (SECOND + 5000, SECOND, SECOND + 5000)
        await store.revoke(
            revoking(
                *(revocation(select(str(end) + str(n)), expires=end) for n, end in enumerate(ends))
            )
        )
        everything = (await store.feed_page(ISSUER, after=FIRST_HEAD, limit=9)).records
        after_second = await store.feed_page(ISSUER, after=number(2), limit=9)
        await ticked(store, clock, seconds=MARGIN)
        assert (await store.purge(limit=9)).records == 1
        head = await store.head(ISSUER)
        for after in (FIRST_HEAD, number(1)):
            assert await store.feed_page(ISSUER, after=after, limit=9) == RecordsGone(head)
        page = await store.feed_page(ISSUER, after=number(2), limit=9)
        assert page.records == after_second.records == everything[2:]
        assert page.chain_before == after_second.chain_before
        assert next_chain_value(page.chain_before, page.records[0]) == page.head.chain
        assert (await store.live_records(ISSUER)).records == (
            everything[0].to_bytes() + everything[2].to_bytes()
        )

    @requirement("G-1")
    async def test_the_head_and_its_chain_outlive_all_records(self, store, clock):
        await store.revoke(revoking(select("a"), select("b")))
        before = await store.head(ISSUER)
        await ticked(store, clock, seconds=7200)
        assert (await store.purge(limit=9)).records == 2
        head = await store.head(ISSUER)
        assert (head.seq, head.chain) == (before.seq, before.chain)
        page = await store.feed_page(ISSUER, after=number(2), limit=9)
        assert (page.chain_before, page.records) == (before.chain, ())
        assert isinstance(await store.feed_page(ISSUER, after=number(1), limit=9), RecordsGone)
        again = await store.revoke(revoking(select("c")))
        assert again == Revoked((number(3),), fresh=True)
        page = await store.feed_page(ISSUER, after=number(2), limit=9)
        assert next_chain_value(page.chain_before, page.records[0]) == page.head.chain

    async def test_a_floor_stands_until_its_end(self, store, clock):
        jti = revocation(
            select("t", SelectorKind.JTI), repeatable=False, floor_until=Instant(START + HOUR)
        )
        await store.revoke(revoking(jti))
        await ticked(store, clock, seconds=3599.999)
        assert (await store.purge(limit=9)).floors == 0
        assert await store.is_revoked(ISSUER, selectors={jti.selector}, rsn=FIRST_HEAD)
        await ticked(store, clock, seconds=3600)
        assert (await store.purge(limit=9)).floors == 1
        assert not await store.is_revoked(ISSUER, selectors={jti.selector}, rsn=FIRST_HEAD)
        assert await store.revoke(revoking(jti)) == Revoked((number(2),), fresh=True)

    async def test_an_idempotency_key_is_forgotten_at_its_end(self, store, clock):
        plan = revoking(select("a"), idempotency=asked())
        await store.revoke(plan)
        await ticked(store, clock, seconds=3599.999)
        assert (await store.purge(limit=9)).idempotency_keys == 0
        assert await store.revoke(plan) == Revoked((number(1),), fresh=True)
        await ticked(store, clock, seconds=3600)
        assert (await store.purge(limit=9)).idempotency_keys == 1
        assert await store.revoke(plan) == Revoked((number(2),), fresh=True)

    async def test_an_opaque_token_goes_a_margin_after_its_expiry(self, store, clock):
        token = reference("r", expires=SECOND + 10)
        await store.issue(issuance(reference=token))
        await ticked(store, clock, seconds=10 + MARGIN - 0.001)
        assert (await store.purge(limit=9)).reference_tokens == 0
        assert (await store.find_reference(ISSUER, token.digest)).value == token
        await ticked(store, clock, seconds=10 + MARGIN)
        assert (await store.purge(limit=9)).reference_tokens == 1
        assert (await store.find_reference(ISSUER, token.digest)).value is None

    @requirement("G-2")
    @pytest.mark.parametrize("offset", [0, 1, 30_000, 59_999])
    async def test_a_proof_is_remembered_at_least_until_its_end(self, store, clock, offset):
        """Whenever ticks and purges come, up to its end and beyond it is never accepted again."""
        until = START + HOUR + offset
        plan = issuance(claim=claim("p", until))
        assert await store.issue(plan) == Issued(number(0))
        for at in (until - 60_000, until - 1, until, until + 59_999, until + 60_000, until + HOUR):
            set_clock(clock, at)
            await store.tick()
            purged = await store.purge(limit=9)
            assert purged.replay_keys == 0 or at >= until
            assert await store.issue(plan) == ProofReplayed()
        assert await store.purge(limit=9) == NOTHING

    @requirement("G-2")
    async def test_a_bucket_is_refused_whole_even_while_it_is_removed_in_parts(self, store, clock):
        for name in ("p1", "p2", "p3"):
            await store.issue(issuance(claim=claim(name, START + HOUR)))
        await ticked(store, clock, seconds=3660)
        assert (await store.purge(limit=2)).replay_keys == 2
        for name in ("p1", "p2", "p3", "p4"):
            outcome = await store.issue(issuance(claim=claim(name, START + HOUR)))
            assert outcome == ProofReplayed()
        assert (await store.purge(limit=2)).replay_keys == 1

    @requirement("G-2")
    async def test_the_watermark_does_not_sink(self, store, clock):
        await ticked(store, clock, seconds=3660)
        await store.purge(limit=1)
        set_clock(clock, START)
        await store.tick()
        await store.purge(limit=1)
        assert await store.issue(issuance(claim=claim("p", START + HOUR))) == ProofReplayed()

    @requirement("R-36", "G-8")
    async def test_one_purge_removes_at_most_so_many_of_each_kind(self, store, clock):
        await store.create_issuer(OTHER_ISSUER)
        for n in range(3):
            for issuer in (ISSUER, OTHER_ISSUER):
                await store.issue(
                    issuance(
                        issuer=issuer,
                        rsn=number(n),
                        selectors=frozenset(),
                        claim=claim(f"p{n}"),
                        reference=reference(f"r{n}"),
                    )
                )
                await store.revoke(
                    revoking(select(f"c{n}"), idempotency=asked(f"k{n}"), issuer=issuer)
                )
        await ticked(store, clock, seconds=30 * 24 * 3600)
        sizes = [4, 2, 0]
        for size in sizes:
            assert await store.purge(limit=4) == Purged(
                records=size,
                floors=size,
                replay_keys=size,
                reference_tokens=size,
                idempotency_keys=size,
            )
        assert len(await traces(store)) == 6

    async def test_those_that_ran_out_first_go_first(self, store, clock):
        """Of four records the third and fourth go, so only what follows the fourth is whole."""
        ends = (SECOND, SECOND, SECOND - 2, SECOND - 1)
        targets = [revocation(select(str(n)), expires=end) for n, end in enumerate(ends)]
        await store.revoke(revoking(*targets))
        before = await store.live_records(ISSUER)
        await ticked(store, clock, seconds=MARGIN)
        assert await store.purge(limit=2) == Purged(records=2)
        page = await store.feed_page(ISSUER, after=number(4), limit=9)
        assert (page.chain_before, page.records) == (before.head.chain, ())
        assert isinstance(await store.feed_page(ISSUER, after=number(3), limit=9), RecordsGone)
        assert await store.purge(limit=9) == Purged(records=2)

    @requirement("G-1")
    @pytest.mark.parametrize("first_to_go", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (3, 1, 2)])
    async def test_in_whatever_order_records_go_a_broken_run_is_never_given_out(
        self, store, clock, first_to_go
    ):
        ends = {place: SECOND + turn * 100 for turn, place in enumerate(first_to_go)}
        targets = [revocation(select(f"c{n}"), expires=ends.get(n, NEVER)) for n in range(1, 6)]
        await store.revoke(revoking(*targets))
        everything = await store.feed_page(ISSUER, after=FIRST_HEAD, limit=9)
        gone = FIRST_HEAD
        for turn, place in enumerate(first_to_go):
            await ticked(store, clock, seconds=MARGIN + turn * 100)
            assert await store.purge(limit=9) == Purged(records=1)
            gone = max(gone, number(place))
            for after in range(FIRST_HEAD, number(6)):
                page = await store.feed_page(ISSUER, after=after, limit=9)
                if after < gone:
                    assert isinstance(page, RecordsGone)
                    continue
                assert page.records == everything.records[after - FIRST_HEAD :]
                chain = page.chain_before
                for record in page.records:
                    chain = next_chain_value(chain, record)
                assert chain == everything.head.chain

    @requirement("R-36", "G-1")
    async def test_a_ceiling_goes_at_its_end_and_verifiers_are_told(self, store, clock):
        soon, late, lasting = (
            ceiling("orders", 300, START + 10_000),
            ceiling("orders", 400, START + 20_000),
            ceiling("payments", 500, None),
        )
        await store.change(changing(*(PutCeiling(each) for each in (soon, late, lasting))))
        before = await store.head(ISSUER)
        await ticked(store, clock, seconds=9.999)
        assert await store.purge(limit=9) == NOTHING
        assert await store.head(ISSUER) == msgspec.structs.replace(before, closed=START + 9_999)
        await ticked(store, clock, seconds=10)
        assert await store.purge(limit=9) == Purged(ceilings=1)
        assert set((await store.directory(ISSUER)).value.ceilings) == {late, lasting}
        after = await store.head(ISSUER)
        assert (after.directory, after.profiles) == (before.directory + 1, before.profiles + 1)
        assert await store.change(changing(directory=before.directory)) == FactsMoved()
        await ticked(store, clock, seconds=10_000_000)
        assert await store.purge(limit=9) == Purged(ceilings=1)
        assert set((await store.directory(ISSUER)).value.ceilings) == {lasting}
        assert await store.purge(limit=9) == NOTHING
        assert (await store.head(ISSUER)).profiles == before.profiles + 2

    @requirement("R-36", "G-8")
    async def test_ceilings_of_each_issuer_go_a_bounded_number_at_a_time(self, store, clock):
        await store.create_issuer(OTHER_ISSUER)
        for issuer in (ISSUER, OTHER_ISSUER):
            ceilings = (PutCeiling(ceiling("orders", n, START + n)) for n in range(1, 4))
            await store.change(changing(*ceilings, issuer=issuer))
        other = await store.head(OTHER_ISSUER)
        await ticked(store, clock, seconds=1)
        assert await store.purge(limit=5) == Purged(ceilings=5)
        assert (await store.directory(ISSUER)).value.ceilings == ()
        assert len((await store.directory(OTHER_ISSUER)).value.ceilings) == 1
        assert await store.purge(limit=5) == Purged(ceilings=1)
        assert (await store.head(OTHER_ISSUER)).profiles == other.profiles + 2

    @requirement("R-36", "G-1")
    async def test_a_purge_beside_a_change_loses_neither(self, store, clock):
        await store.change(changing(PutCeiling(ceiling("orders", 300, START))))
        before = await store.head(ISSUER)
        await store.tick()
        purged, changed, revoked = await asyncio.gather(
            store.purge(limit=9),
            store.change(changing(PutCeiling(ceiling("orders", 200, None)))),
            store.revoke(revoking(select("a"))),
        )
        after = await store.head(ISSUER)
        assert purged == Purged(ceilings=1)
        assert isinstance(changed, Changed)
        assert after.seq == revoked.numbers[0] == before.seq + 1
        assert (after.directory, after.profiles) == (before.directory + 2, before.profiles + 2)
        (left,) = (await store.directory(ISSUER)).value.ceilings
        assert left.lifetime == 200

    @requirement("G-6")
    async def test_audit_entries_are_never_purged(self, store, clock):
        await store.issue(issuance("t1"))
        await ticked(store, clock, seconds=1000 * 24 * 3600)
        await store.purge(limit=100)
        assert await traces(store) == ["t1"]
