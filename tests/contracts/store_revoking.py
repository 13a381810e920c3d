"""Revocations: numbers, records, chain, repeats, idempotency, changes that go along (G-1)."""

from hashlib import sha256

import pytest

from contracts.store_plans import (
    HOUR,
    ISSUER,
    OTHER_ISSUER,
    asked,
    changing,
    claim,
    client,
    issuance,
    key,
    number,
    resource_server,
    revocation,
    revoking,
    select,
    set_clock,
    traces,
)
from support.manual_clock import START
from support.requirement import requirement
from tokenry.feed.record import NEVER, RecordType
from tokenry.ports.plans import (
    FactsMoved,
    IdempotencyMismatch,
    Issued,
    ProofReplayed,
    PutClient,
    PutKey,
    PutResourceServer,
    Revoked,
)
from tokenry.protocol.registry import Origin
from tokenry.protocol.signing_key import KeyState
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.vocabulary.sequence import FIRST_HEAD

JTI = select("token", SelectorKind.JTI)


def once(target=JTI, **fields):
    return revocation(target, repeatable=False, **fields)


class RevokingContract:
    @requirement("G-1")
    async def test_each_revocation_takes_the_next_number(self, store):
        assert await store.revoke(revoking(select("a"), select("b"))) == Revoked(
            (number(1), number(2)), fresh=True
        )
        assert await store.revoke(revoking(select("a"))) == Revoked((number(3),), fresh=True)
        assert await traces(store) == ["revoked", "revoked"]

    @requirement("G-1")
    async def test_the_records_say_what_was_revoked_and_chain_from_the_first(self, store):
        thief = revocation(select("kid", SelectorKind.KEY), type=RecordType.KEY, expires=NEVER)
        await store.revoke(revoking(select("a"), thief))
        await store.revoke(revoking(revocation(JTI, expires=1_800_000_299)))
        page = await store.feed_page(ISSUER, after=FIRST_HEAD, limit=100)
        assert [
            (record.seq, record.type, record.selector, record.before, record.expires)
            for record in page.records
        ] == [
            (number(1), 1, select("a"), number(1), START // 1000 + 3600),
            (number(2), 2, select("kid", SelectorKind.KEY), number(2), NEVER),
            (number(3), 1, JTI, number(3), 1_800_000_299),
        ]
        chain = sha256(b"tokenry-feed-v1\0" + ISSUER.encode() + b"\0" + (1).to_bytes(8, "big"))
        value = chain.digest()
        assert page.chain_before == value
        for record in page.records:
            value = sha256(value + record.to_bytes()).digest()
        assert page.head.chain == value

    @requirement("G-1")
    async def test_a_repeat_that_can_catch_nothing_new_keeps_the_first_number(self, store):
        first = await store.revoke(revoking(once()))
        assert first == Revoked((number(1),), fresh=True)
        assert await store.revoke(revoking(once())) == Revoked((number(1),), fresh=False)
        assert (await store.head(ISSUER)).seq == number(1)

    @requirement("G-1")
    async def test_a_repeat_within_a_plan_keeps_the_first_number_too(self, store):
        plan = revoking(once(), select("a"), once())
        assert await store.revoke(plan) == Revoked((number(1), number(2), number(1)), fresh=True)

    @requirement("G-1")
    async def test_a_repeat_of_what_can_gain_tokens_takes_a_new_number(self, store):
        await store.revoke(revoking(select("a")))
        assert await store.revoke(revoking(select("a"))) == Revoked((number(2),), fresh=True)
        assert await store.issue(issuance(rsn=number(1), selectors=frozenset({select("a")}))) == (
            FactsMoved()
        )

    @requirement("G-1")
    async def test_what_is_not_repeatable_stands_behind_any_earlier_floor(self, store):
        await store.revoke(revoking(JTI))
        assert await store.revoke(revoking(once())) == Revoked((number(1),), fresh=False)

    async def test_a_plan_without_revocations_takes_no_number(self, store):
        assert await store.revoke(revoking(changes=(PutClient(client()),))) == Revoked(
            (), fresh=False
        )
        assert (await store.head(ISSUER)).directory == 1

    @requirement("R-30")
    async def test_the_same_idempotency_key_gives_the_same_answer_and_one_record(self, store):
        plan = revoking(select("a"), select("b"), idempotency=asked())
        first = await store.revoke(plan)
        assert first == Revoked((number(1), number(2)), fresh=True)
        assert await store.revoke(plan) == first
        await store.revoke(revoking(select("a"), trace="another"))
        assert await store.revoke(plan) == first
        assert (await store.head(ISSUER)).seq == number(3)
        assert await traces(store) == ["revoked", "another"]

    async def test_a_repeat_is_answered_though_the_facts_have_moved(self, store):
        plan = revoking(
            select("a"), idempotency=asked(), directory=0, changes=(PutClient(client()),)
        )
        first = await store.revoke(plan)
        await store.change(changing(PutClient(client("c2"))))
        assert await store.revoke(plan) == first
        assert (await store.head(ISSUER)).directory == 2

    async def test_the_same_key_for_another_request_is_a_mismatch(self, store):
        await store.revoke(revoking(select("a"), idempotency=asked()))
        other = revoking(select("b"), idempotency=asked(digest=b"e" * 32), trace="other")
        assert await store.revoke(other) == IdempotencyMismatch()
        assert (await store.head(ISSUER)).seq == number(1)
        assert await traces(store) == ["revoked"]

    async def test_a_key_belongs_to_its_caller_and_issuer(self, store):
        await store.create_issuer(OTHER_ISSUER)
        await store.revoke(revoking(select("a"), idempotency=asked()))
        second = await store.revoke(revoking(select("a"), idempotency=asked(caller="operator:x")))
        assert second == Revoked((number(2),), fresh=True)
        third = await store.revoke(revoking(select("a"), idempotency=asked(), issuer=OTHER_ISSUER))
        assert third == Revoked((number(1),), fresh=True)

    @requirement("G-2")
    async def test_a_repeat_needs_a_proof_of_its_own(self, store):
        plan = revoking(select("a"), idempotency=asked(), claim=claim("p1"))
        first = await store.revoke(plan)
        assert await store.revoke(plan) == ProofReplayed()
        again = revoking(select("a"), idempotency=asked(), claim=claim("p2"))
        assert await store.revoke(again) == first
        assert await store.revoke(again) == ProofReplayed()

    async def test_a_lost_revocation_leaves_its_key_and_proof_unused(self, store):
        lost = revoking(select("a"), idempotency=asked(), claim=claim("p"), directory=7)
        assert await store.revoke(lost) == FactsMoved()
        assert await traces(store) == []
        won = revoking(select("a"), idempotency=asked(digest=b"e" * 32), claim=claim("p"))
        assert await store.revoke(won) == Revoked((number(1),), fresh=True)

    @requirement("G-1")
    async def test_changes_commit_with_the_revocation_or_not_at_all(self, store):
        suspended = client(suspended=True)
        await store.change(changing(PutClient(client())))
        lost = revoking(select("c1"), changes=(PutClient(suspended),), directory=0)
        assert await store.revoke(lost) == FactsMoved()
        assert (await store.find_client(ISSUER, "c1")).value == client()
        assert (await store.head(ISSUER)).seq == FIRST_HEAD
        won = revoking(select("c1"), changes=(PutClient(suspended),), directory=1)
        assert await store.revoke(won) == Revoked((number(1),), fresh=True)
        found = await store.find_client(ISSUER, "c1")
        assert (found.value, found.rsn, found.directory) == (suspended, number(1), 2)

    @pytest.mark.parametrize(
        "change",
        [PutClient(client(origin=Origin.CLI)), PutKey(key(state=KeyState.DESTROYED), None)],
    )
    async def test_a_change_that_cannot_be_made_stops_the_revocation(self, store, change):
        await store.change(changing(PutClient(client()), PutKey(key(), None)))
        assert await store.revoke(revoking(select("c1"), changes=(change,))) == FactsMoved()
        assert (await store.head(ISSUER)).seq == FIRST_HEAD
        assert await traces(store) == ["changed"]

    @requirement("G-5")
    async def test_a_key_is_destroyed_and_replaced_with_its_revocation(self, store):
        await store.change(changing(PutKey(key(state=KeyState.ACTIVE), None)))
        thief = revocation(select("kid-1", SelectorKind.KEY), type=RecordType.KEY, expires=NEVER)
        gone = key(state=KeyState.DESTROYED, wrapped_private=b"")
        fresh = key("kid-2", announced_at=START + 1)
        active = key("kid-2", state=KeyState.ACTIVE, announced_at=START + 1)
        plan = revoking(
            thief,
            changes=(
                PutKey(gone, KeyState.ACTIVE),
                PutKey(fresh, None),
                PutKey(active, KeyState.ANNOUNCED),
            ),
        )
        assert await store.revoke(plan) == Revoked((number(1),), fresh=True)
        assert await store.signing_keys(ISSUER) == (gone, active)

    async def test_changes_that_verifiers_see_raise_the_profiles(self, store):
        await store.revoke(revoking(changes=(PutResourceServer(resource_server()),)))
        head = await store.head(ISSUER)
        assert (head.directory, head.profiles) == (1, 1)

    @requirement("G-1")
    async def test_is_revoked_says_what_an_issuance_would_meet(self, store):
        await store.revoke(revoking(select("a"), select("b")))
        b = frozenset({select("x"), select("b")})
        assert await store.is_revoked(ISSUER, selectors=b, rsn=number(1))
        assert not await store.is_revoked(ISSUER, selectors=b, rsn=number(2))
        assert not await store.is_revoked(ISSUER, selectors=frozenset(), rsn=FIRST_HEAD)
        assert not await store.is_revoked(
            ISSUER, selectors=frozenset({select("x")}), rsn=FIRST_HEAD
        )

    @requirement("G-1")
    async def test_a_floor_stands_as_long_as_the_longest_that_was_asked(self, store, clock):
        await store.revoke(revoking(revocation(JTI, floor_until=Instant(START + 2 * HOUR))))
        await store.revoke(revoking(revocation(JTI, floor_until=Instant(START + HOUR))))
        set_clock(clock, START + HOUR)
        await store.tick()
        await store.purge(limit=10)
        assert await store.is_revoked(ISSUER, selectors=frozenset({JTI}), rsn=number(1))

    async def test_issuers_number_and_chain_for_themselves(self, store):
        await store.create_issuer(OTHER_ISSUER)
        mine = await store.revoke(revoking(select("a"), select("b")))
        theirs = await store.revoke(revoking(select("a"), issuer=OTHER_ISSUER))
        assert (mine.numbers[0], theirs.numbers) == (number(1), (number(1),))
        heads = [await store.head(issuer) for issuer in (ISSUER, OTHER_ISSUER)]
        assert [head.seq for head in heads] == [number(2), number(1)]
        assert heads[0].chain != heads[1].chain
        assert await store.issue(issuance(rsn=number(2))) == Issued(number(2))
