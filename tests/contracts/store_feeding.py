"""What publishers read: heads, pages, live records; ticks, audit entries, the end (G-1)."""

import asyncio

import pytest

from contracts.store_plans import (
    ISSUER,
    OTHER_ISSUER,
    changing,
    claim,
    entry,
    issuance,
    number,
    revocation,
    revoking,
    select,
    traces,
)
from support.manual_clock import START
from support.requirement import requirement
from tokenry.audit.entry import AuditEvent, encode_entry
from tokenry.feed.record import NEVER, first_chain_value, next_chain_value
from tokenry.ports.plans import ProofReplayed, Recorded, Revoked
from tokenry.ports.store import FeedPage, Head
from tokenry.vocabulary.errors import StoreUnavailable
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import FIRST_EPOCH, FIRST_HEAD


class FeedingContract:
    @requirement("G-1")
    async def test_a_new_issuer_begins_at_the_first_head(self, store):
        assert await store.head(ISSUER) == Head(
            seq=FIRST_HEAD,
            chain=first_chain_value(ISSUER, FIRST_EPOCH),
            closed=Instant(0),
            directory=0,
            profiles=0,
        )

    async def test_creating_an_issuer_again_changes_nothing(self, store):
        await store.revoke(revoking(select("a")))
        before = await store.head(ISSUER)
        await store.create_issuer(ISSUER)
        assert await store.head(ISSUER) == before

    @requirement("G-1")
    async def test_a_tick_is_the_clock_and_never_goes_back(self, store, clock):
        await store.create_issuer(OTHER_ISSUER)
        assert await store.tick() == START
        clock.advance(1.5)
        assert await store.tick() == START + 1500
        clock.advance(-3600)
        assert await store.tick() == START + 1500
        for issuer in (ISSUER, OTHER_ISSUER):
            assert (await store.head(issuer)).closed == START + 1500

    @requirement("G-1")
    async def test_a_page_is_what_follows_a_number(self, store):
        await store.revoke(revoking(*(select(f"c{n}") for n in range(1, 6))))
        everything = await store.feed_page(ISSUER, after=FIRST_HEAD, limit=100)
        assert [record.seq for record in everything.records] == [number(n) for n in range(1, 6)]
        middle = await store.feed_page(ISSUER, after=number(2), limit=2)
        assert middle.records == everything.records[2:4]
        assert middle.head == everything.head == await store.head(ISSUER)
        chain = everything.chain_before
        for record in everything.records[:2]:
            chain = next_chain_value(chain, record)
        assert middle.chain_before == chain

    @requirement("G-1")
    async def test_nothing_follows_the_head(self, store):
        head = await store.head(ISSUER)
        assert await store.feed_page(ISSUER, after=FIRST_HEAD, limit=5) == FeedPage(
            head, head.chain, ()
        )
        await store.revoke(revoking(select("a")))
        head = await store.head(ISSUER)
        assert await store.feed_page(ISSUER, after=number(1), limit=5) == FeedPage(
            head, head.chain, ()
        )

    @requirement("G-1")
    async def test_a_number_above_the_head_is_an_error(self, store):
        with pytest.raises(ValueError, match="above the head"):
            await store.feed_page(ISSUER, after=number(1), limit=5)

    async def test_a_long_page_is_as_exact_as_a_short_one(self, store):
        await store.revoke(revoking(*(select(f"c{n}") for n in range(5000))))
        page = await store.feed_page(ISSUER, after=number(100), limit=4800)
        assert [record.seq for record in page.records] == [number(n) for n in range(101, 4901)]
        assert page.records[0].selector == select("c100")
        chain = page.chain_before
        for record in page.records:
            chain = next_chain_value(chain, record)
        assert (await store.feed_page(ISSUER, after=number(4900), limit=1)).chain_before == chain
        live = await store.live_records(ISSUER)
        assert live.records[: 41 * 100] == b"".join(
            record.to_bytes()
            for record in (await store.feed_page(ISSUER, after=FIRST_HEAD, limit=100)).records
        )
        assert len(live.records) == 41 * 5000

    @requirement("G-1")
    async def test_live_records_are_those_that_a_tick_has_not_outlived_by_a_margin(
        self, store, clock
    ):
        """The longest leeway that may be declared later must not find a revoked token valid."""
        second = START // 1000
        ends = {"gone": second - 61, "now": second - 60, "later": second - 59, "never": NEVER}
        await store.revoke(
            revoking(*(revocation(select(name), expires=end) for name, end in ends.items()))
        )
        page = await store.feed_page(ISSUER, after=FIRST_HEAD, limit=9)
        by_name = dict(zip(ends, page.records, strict=True))

        async def live():
            found = await store.live_records(ISSUER)
            assert found.head == await store.head(ISSUER)
            return [name for name, one in by_name.items() if one.to_bytes() in found.records]

        assert await live() == ["gone", "now", "later", "never"]
        await store.tick()
        assert await live() == ["later", "never"]
        clock.advance(0.999)
        await store.tick()
        assert await live() == ["later", "never"]
        clock.advance(0.001)
        await store.tick()
        assert await live() == ["never"]

    @requirement("G-1", "R-36")
    async def test_live_are_exactly_the_records_that_a_purge_leaves(self, store, clock):
        second = START // 1000
        targets = [revocation(select(f"c{n}"), expires=second - 65 + n) for n in range(10)]
        await store.revoke(revoking(*targets))
        await store.tick()
        before = await store.live_records(ISSUER)
        purged = await store.purge(limit=100)
        after = await store.live_records(ISSUER)
        assert before.records == after.records
        assert 0 < purged.records == 10 - len(after.records) // 41

    async def test_no_records_are_no_bytes(self, store):
        assert (await store.live_records(ISSUER)).records == b""

    @requirement("R-60", "G-6")
    async def test_entries_are_stored_byte_for_byte_unsealed_and_numbered_by_commit(self, store):
        refused = (
            entry("r1", AuditEvent.TOKEN_REFUSED),
            entry("r2 — é \\ \"'", AuditEvent.REVOKED),
        )
        await store.record(refused)
        await store.issue(issuance("i1"))
        stored = await store.audit_entries(ISSUER, after=0, limit=10)
        assert [each.entry for each in stored[:2]] == [encode_entry(each) for each in refused]
        assert [(each.id, each.leaf) for each in stored] == [(1, None), (2, None), (3, None)]
        assert await store.last_audit_id(ISSUER) == 3

    async def test_entries_are_read_a_page_at_a_time(self, store):
        await store.record(tuple(entry(str(n)) for n in range(5)))
        assert [one.id for one in await store.audit_entries(ISSUER, after=1, limit=2)] == [2, 3]
        assert await store.audit_entries(ISSUER, after=5, limit=2) == ()

    async def test_entries_go_to_their_own_issuer_or_nowhere(self, store):
        await store.create_issuer(OTHER_ISSUER)
        assert await store.last_audit_id(OTHER_ISSUER) == 0
        await store.record((entry("a"), entry("b", issuer=OTHER_ISSUER), entry("c")))
        assert await traces(store) == ["a", "c"]
        assert await traces(store, OTHER_ISSUER) == ["b"]
        assert await store.last_audit_id(OTHER_ISSUER) == 1
        with pytest.raises(LookupError):
            await store.record((entry("d"), entry("e", issuer="https://nobody.example")))
        assert await traces(store) == ["a", "c"]

    @requirement("G-2")
    async def test_an_entry_and_its_claim_are_committed_together_or_not_at_all(self, store):
        assert await store.record((entry("a"),), claim=claim("p")) == Recorded()
        assert await store.record((entry("b"),), claim=claim("p")) == ProofReplayed()
        assert await store.issue(issuance("c", claim=claim("p"))) == ProofReplayed()
        assert await store.revoke(revoking(select("x"), claim=claim("p"))) == ProofReplayed()
        assert await traces(store) == ["a"]

    @requirement("G-2")
    async def test_what_was_claimed_by_a_plan_cannot_be_claimed_by_an_entry(self, store):
        await store.issue(issuance("a", claim=claim("p")))
        assert await store.record((entry("b"),), claim=claim("p")) == ProofReplayed()
        assert await traces(store) == ["a"]

    @requirement("G-2")
    async def test_of_entries_with_one_claim_that_come_together_one_wins(self, store):
        asked = [store.record((entry(str(n)),), claim=claim("p")) for n in range(20)]
        outcomes = await asyncio.gather(*asked)
        assert outcomes.count(Recorded()) == 1
        assert outcomes.count(ProofReplayed()) == 19
        assert await traces(store) == [str(outcomes.index(Recorded()))]

    @requirement("G-2")
    async def test_a_plan_that_does_nothing_but_claim_claims_once(self, store):
        nothing = revoking(claim=claim("p"), audit=())
        assert await store.revoke(nothing) == Revoked((), fresh=False)
        assert await store.revoke(nothing) == ProofReplayed()
        assert await traces(store) == []

    @pytest.mark.parametrize(
        "read",
        [
            lambda store: store.head("https://nobody.example"),
            lambda store: store.feed_page("https://nobody.example", after=FIRST_HEAD, limit=1),
            lambda store: store.live_records("https://nobody.example"),
            lambda store: store.is_revoked(
                "https://nobody.example", selectors=frozenset(), rsn=FIRST_HEAD
            ),
            lambda store: store.find_client("https://nobody.example", "c1"),
            lambda store: store.list_clients("https://nobody.example", after=None, limit=1),
            lambda store: store.directory("https://nobody.example"),
            lambda store: store.signing_keys("https://nobody.example"),
            lambda store: store.find_reference("https://nobody.example", b"d" * 32),
            lambda store: store.audit_entries("https://nobody.example", after=0, limit=1),
            lambda store: store.last_audit_id("https://nobody.example"),
        ],
    )
    async def test_an_unknown_issuer_is_never_taken_for_an_empty_one(self, store, read):
        with pytest.raises(LookupError):
            await read(store)

    @requirement("G-4")
    async def test_a_closed_store_says_so_whatever_it_is_asked(self, store):
        store.admit()
        await store.close()
        await store.close()
        with pytest.raises(StoreUnavailable):
            store.admit()
        for call in (
            lambda: store.create_issuer(ISSUER),
            lambda: store.issue(issuance()),
            lambda: store.revoke(revoking(select("a"))),
            lambda: store.change(changing()),
            lambda: store.record((entry("a"),)),
            lambda: store.tick(),
            lambda: store.purge(limit=1),
            lambda: store.head(ISSUER),
            lambda: store.feed_page(ISSUER, after=FIRST_HEAD, limit=1),
            lambda: store.live_records(ISSUER),
            lambda: store.is_revoked(ISSUER, selectors=frozenset({select("a")}), rsn=FIRST_HEAD),
            lambda: store.find_client(ISSUER, "c1"),
            lambda: store.list_clients(ISSUER, after=None, limit=1),
            lambda: store.directory(ISSUER),
            lambda: store.signing_keys(ISSUER),
            lambda: store.find_reference(ISSUER, b"d" * 32),
            lambda: store.audit_entries(ISSUER, after=0, limit=1),
            lambda: store.last_audit_id(ISSUER),
        ):
            with pytest.raises(StoreUnavailable):
                await call()

    async def test_what_waits_is_committed_before_the_end(self, store):
        waiting = [asyncio.create_task(store.issue(issuance(str(n)))) for n in range(20)]
        await asyncio.sleep(0)
        await store.close()
        outcomes = await asyncio.gather(*waiting)
        assert len(outcomes) == 20
