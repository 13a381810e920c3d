"""Issuances: facts that hold or have moved, proofs used once, opaque tokens (G-1, G-2)."""

import msgspec
import pytest

from contracts.store_plans import (
    HOUR,
    ISSUER,
    OTHER_ISSUER,
    changing,
    claim,
    client,
    issuance,
    number,
    reference,
    revoking,
    select,
    set_clock,
    traces,
)
from support.manual_clock import START
from support.requirement import requirement
from tokenry.ports.plans import FactsMoved, Issued, ProofReplayed, PutClient, RemoveClient
from tokenry.vocabulary.errors import StoreUnavailable
from tokenry.vocabulary.selectors import SelectorKind


class IssuingContract:
    @requirement("G-4", "R-60")
    async def test_an_issuance_is_answered_with_its_rsn_and_leaves_its_entry(self, store):
        assert await store.issue(issuance("t1")) == Issued(number(0))
        assert await traces(store) == ["t1"]

    @requirement("G-1")
    @pytest.mark.parametrize(
        ("rsn", "outcome"),
        [(0, FactsMoved()), (1, FactsMoved()), (2, Issued(number(2))), (3, Issued(number(3)))],
    )
    async def test_what_was_read_before_the_floor_falls_to_it(self, store, rsn, outcome):
        """The floor is record 2, so `before` is 2: what is below falls, what is not stands."""
        await store.revoke(revoking(select("other"), select("c1"), select("another")))
        assert await store.issue(issuance("t1", rsn=number(rsn))) == outcome
        assert await traces(store) == ["revoked", *(["t1"] if rsn >= 2 else [])]

    @requirement("G-1")
    async def test_any_one_of_the_selectors_is_enough_to_fall(self, store):
        await store.revoke(revoking(select("s1", SelectorKind.SESSION)))
        mine = frozenset({select("c1"), select("s1", SelectorKind.SESSION), select("x")})
        assert await store.issue(issuance(selectors=mine)) == FactsMoved()
        assert await store.issue(issuance(selectors=frozenset({select("c1")}))) == Issued(number(0))

    @requirement("G-1")
    async def test_the_highest_of_several_floors_counts(self, store):
        for _ in range(3):
            await store.revoke(revoking(select("c1")))
        assert await store.issue(issuance(rsn=number(2))) == FactsMoved()
        assert await store.issue(issuance(rsn=number(3))) == Issued(number(3))

    async def test_many_selectors_are_all_tested(self, store):
        many = frozenset(select(f"c{index}") for index in range(1100))
        await store.revoke(revoking(select("c1099")))
        assert await store.issue(issuance(selectors=many)) == FactsMoved()
        assert await store.is_revoked(ISSUER, selectors=many, rsn=number(0))

    @requirement("G-1")
    async def test_facts_from_beyond_the_head_do_not_count(self, store):
        """They are of a database that is ahead; a token with them would outlive revocations."""
        assert await store.issue(issuance(rsn=number(1))) == FactsMoved()
        assert await traces(store) == []

    async def test_another_issuers_floor_is_none_of_mine(self, store):
        await store.create_issuer(OTHER_ISSUER)
        await store.revoke(revoking(select("c1"), issuer=OTHER_ISSUER))
        assert await store.issue(issuance()) == Issued(number(0))
        assert await store.issue(issuance(issuer=OTHER_ISSUER)) == FactsMoved()

    @pytest.mark.parametrize("directory", [0, 2])
    async def test_a_directory_that_is_not_the_one_read_loses(self, store, directory):
        await store.change(changing(PutClient(client())))
        assert await store.issue(issuance("t1", directory=directory)) == FactsMoved()
        assert await store.issue(issuance("t2", directory=1)) == Issued(number(0))
        assert await traces(store) == ["changed", "t2"]

    @requirement("G-2")
    async def test_a_proof_serves_once(self, store):
        plan = issuance("t1", claim=claim("proof"))
        assert await store.issue(plan) == Issued(number(0))
        assert await store.issue(plan) == ProofReplayed()
        assert await store.issue(issuance("t2", claim=claim("another"))) == Issued(number(0))
        assert await traces(store) == ["t1", "t2"]

    @requirement("G-2")
    async def test_a_proof_serves_once_whatever_end_it_claims(self, store):
        for shift in (0, 1000, -1000, HOUR, -HOUR // 2):
            outcome = await store.issue(issuance(claim=claim("proof", START + HOUR + shift)))
            assert outcome == (Issued(number(0)) if shift == 0 else ProofReplayed())

    @requirement("G-2")
    async def test_who_loses_on_facts_has_not_used_up_its_proof(self, store):
        await store.revoke(revoking(select("c1")))
        assert await store.issue(issuance(claim=claim("proof"))) == FactsMoved()
        fresh = issuance(rsn=number(1), claim=claim("proof"))
        assert await store.issue(fresh) == Issued(number(1))
        assert await store.issue(fresh) == ProofReplayed()

    @requirement("G-2")
    async def test_proofs_of_two_issuers_are_two(self, store):
        await store.create_issuer(OTHER_ISSUER)
        for issuer in (ISSUER, OTHER_ISSUER):
            plan = issuance(issuer=issuer, claim=claim("proof"))
            assert await store.issue(plan) == Issued(number(0))

    @requirement("G-2")
    async def test_a_revocation_uses_up_its_proof_too(self, store):
        plan = revoking(select("c1"), claim=claim("proof"))
        assert (await store.revoke(plan)).numbers == (number(1),)
        assert await store.revoke(plan) == ProofReplayed()
        replayed = issuance(rsn=number(1), claim=claim("proof"))
        assert await store.issue(replayed) == ProofReplayed()
        assert (await store.head(ISSUER)).seq == number(1)
        assert await traces(store) == ["revoked"]

    @requirement("G-2")
    async def test_a_claim_in_an_emptied_bucket_is_refused(self, store, clock):
        """That it was never made before can no longer be known."""
        end = START + HOUR
        set_clock(clock, end)
        await store.tick()
        await store.purge(limit=10)
        late = issuance("t1", claim=claim("late", end - 1))
        assert await store.issue(late) == ProofReplayed()
        timely = issuance("t2", claim=claim("timely", end))
        assert await store.issue(timely) == Issued(number(0))
        assert await traces(store) == ["t2"]

    async def test_an_opaque_token_is_found_as_it_was_issued(self, store):
        token = reference("r1")
        await store.revoke(revoking(select("somebody")))
        await store.issue(issuance(reference=token, rsn=number(1)))
        found = await store.find_reference(ISSUER, token.digest)
        assert (found.value, found.rsn, found.directory) == (token, number(1), 0)
        assert (await store.find_reference(ISSUER, b"?" * 32)).value is None

    async def test_an_opaque_token_without_selectors_keeps_none(self, store):
        token = msgspec.structs.replace(reference("r1"), selectors=frozenset())
        await store.issue(issuance(reference=token))
        assert (await store.find_reference(ISSUER, token.digest)).value == token

    async def test_an_opaque_token_belongs_to_its_issuer(self, store):
        await store.create_issuer(OTHER_ISSUER)
        await store.issue(issuance(reference=reference("r1")))
        assert (await store.find_reference(OTHER_ISSUER, reference("r1").digest)).value is None

    async def test_a_lost_issuance_stores_no_token(self, store):
        await store.issue(issuance(reference=reference("r1"), directory=5))
        await store.issue(issuance(claim=claim("proof")))
        await store.issue(issuance(reference=reference("r2"), claim=claim("proof")))
        for name in ("r1", "r2"):
            assert (await store.find_reference(ISSUER, reference(name).digest)).value is None

    async def test_a_token_is_never_stored_over_another(self, store):
        await store.issue(issuance("t1", reference=reference("r1")))
        with pytest.raises(StoreUnavailable):
            await store.issue(
                issuance("t2", reference=reference("r1", expires=9), claim=claim("proof"))
            )
        found = await store.find_reference(ISSUER, reference("r1").digest)
        assert found.value == reference("r1")
        assert await traces(store) == ["t1"]
        assert await store.issue(issuance("t3", claim=claim("proof"))) == Issued(number(0))

    async def test_an_unknown_issuer_is_an_error_and_writes_nothing(self, store):
        with pytest.raises(LookupError):
            await store.issue(issuance(issuer=OTHER_ISSUER))
        with pytest.raises(LookupError):
            await store.revoke(revoking(select("c1"), issuer=OTHER_ISSUER))
        with pytest.raises(LookupError):
            await store.change(changing(RemoveClient("c1"), issuer=OTHER_ISSUER))
        assert await traces(store) == []
