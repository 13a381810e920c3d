"""Plans that waited: what they set for later is counted from their transaction (G-1)."""

import pytest

from contracts.store_plans import (
    ISSUER,
    ceiling,
    changing,
    key,
    number,
    revocation,
    revoking,
    select,
    set_clock,
)
from support.manual_clock import START
from support.requirement import requirement
from tokenry.feed.record import NEVER, Record
from tokenry.ports.plans import PutCeiling, PutKey
from tokenry.ports.store import Store
from tokenry.protocol.signing_key import KeyState
from tokenry.vocabulary.instant import Instant

LIFE = 300
LEAVES = START // 1000 + LIFE


def leaving(target=None):
    return revocation(
        target or select("a"), expires=LEAVES, floor_until=Instant(START + LIFE * 1000)
    )


async def only_record(store: Store) -> Record:
    (record,) = (await store.feed_page(ISSUER, after=number(0), limit=10)).records
    return record


class LatenessContract:
    @requirement("G-1")
    @pytest.mark.parametrize(
        ("waited", "moved"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (3_600_000, 3600)]
    )
    async def test_a_record_lives_longer_by_what_its_plan_waited(self, store, clock, waited, moved):
        set_clock(clock, START + waited)
        await store.revoke(revoking(leaving()))
        record = await only_record(store)
        assert record.expires == LEAVES + moved
        assert (await store.live_records(ISSUER)).records == record.to_bytes()

    @requirement("G-1")
    async def test_a_floor_stands_longer_by_what_its_plan_waited(self, store, clock):
        set_clock(clock, START + 3_600_000)
        await store.revoke(revoking(leaving()))
        set_clock(clock, START + 3_600_000 + LIFE * 1000 - 1)
        await store.tick()
        await store.purge(limit=100)
        selectors = frozenset({select("a")})
        assert await store.is_revoked(ISSUER, selectors=selectors, rsn=number(0))

    @requirement("G-1")
    async def test_a_clock_that_was_set_back_shortens_nothing(self, store, clock):
        """Rows are removed by the newest tick, so what is written must outlive it."""
        set_clock(clock, START + 3_600_000)
        await store.tick()
        set_clock(clock, START)
        await store.revoke(revoking(leaving()))
        assert (await only_record(store)).expires == LEAVES + 3600
        await store.purge(limit=100)
        selectors = frozenset({select("a")})
        assert await store.is_revoked(ISSUER, selectors=selectors, rsn=number(0))

    @requirement("G-1")
    async def test_a_plan_asked_by_a_clock_ahead_is_not_moved_earlier(self, store):
        asked_at = Instant(START + 5000)
        await store.revoke(revoking(leaving(), asked_at=asked_at))
        assert (await only_record(store)).expires == LEAVES

    async def test_what_never_expires_has_no_later_than_never(self, store, clock):
        set_clock(clock, START + 5000)
        await store.revoke(revoking(revocation(select("a"), expires=NEVER)))
        assert (await only_record(store)).expires == NEVER

    @requirement("G-1")
    @pytest.mark.parametrize("verb", ["change", "revoke"])
    async def test_a_ceiling_holds_longer_by_what_its_plan_waited(self, store, clock, verb):
        set_clock(clock, START + 2500)
        changes = (
            PutCeiling(ceiling("orders", 300, START + 300_000)),
            PutCeiling(ceiling("orders", 400, None)),
        )
        if verb == "change":
            await store.change(changing(*changes))
        else:
            await store.revoke(revoking(changes=changes))
        ceilings = (await store.directory(ISSUER)).value.ceilings
        assert {each.lifetime: each.until for each in ceilings} == {300: START + 302_500, 400: None}

    @requirement("G-5")
    async def test_plans_of_keys_move_and_what_has_happened_to_them_does_not(self, store, clock):
        past, planned = START - 1000, START + 60_000
        set_clock(clock, START + 2500)
        keys = [
            key("announced", activates_at=planned),
            key("active", KeyState.ACTIVE, activates_at=past),
            key("retired", KeyState.RETIRED, activates_at=past, destroy_at=planned),
            key("destroyed", KeyState.DESTROYED, activates_at=past, destroy_at=START),
        ]
        await store.change(changing(*(PutKey(each, None) for each in keys)))
        stored = await store.signing_keys(ISSUER)
        assert {each.kid: (each.activates_at, each.destroy_at) for each in stored} == {
            "announced": (planned + 2500, None),
            "active": (past, None),
            "retired": (past, planned + 2500),
            "destroyed": (past, START),
        }
