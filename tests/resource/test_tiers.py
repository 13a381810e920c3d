"""What stale news still allow, at the exact millisecond (G-1, R-32, R-43)."""

import asyncio

import pytest

from support.background import a_while, soon
from support.requirement import requirement
from tokenry.feed.profile import Tiers
from tokenry.resource import Reason, Tier, TokenRefused
from tokenry.resource.events import Alarm, AlarmKind, TierChanged

AUDIENCE = "https://orders.test"
DECLARED = {
    "tiers": Tiers(fresh=5, reduced=60, survival=300),
    "low_risk_scopes": {"orders.read"},
    "survival_scopes": {"status"},
    "max_token_lifetime": 3600,
}


@pytest.fixture
async def cut_off(issuer, verifier):
    """A verifier that was fresh, with tokens that live longer than its news."""
    issuer.resource_server(AUDIENCE, **DECLARED)
    await soon(lambda: verifier._knowledge.profile.survival_scopes == {"status"})
    issuer.network.holding = True
    return verifier


async def outcome(issuer, verifier, request, *required):
    try:
        token = await verifier.verify(request, required_scopes=required)
    except TokenRefused as refused:
        return refused.reason
    assert set(required) <= token.scopes
    return token.tier


@requirement("G-1", "R-43")
@pytest.mark.parametrize(
    ("milliseconds", "tier"),
    [
        (0, Tier.FRESH),
        (5_000, Tier.FRESH),
        (5_001, Tier.REDUCED),
        (60_000, Tier.REDUCED),
        (60_001, Tier.SURVIVAL),
        (300_000, Tier.SURVIVAL),
        (300_001, Tier.NOTHING),
    ],
)
async def test_each_tier_ends_at_its_edge(milliseconds, tier, issuer, cut_off):
    everything = "orders.read orders.write status"
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope=everything, lifetime=3600))
    assert await outcome(issuer, cut_off, request, "orders.write") is Tier.FRESH
    issuer.advance(milliseconds / 1000, heartbeat=False)
    assert cut_off.tier is tier
    allowed = {
        Tier.FRESH: {"orders.read", "orders.write", "status"},
        Tier.REDUCED: {"orders.read"},
        Tier.SURVIVAL: {"status"},
        Tier.NOTHING: set(),
    }[tier]
    for scope in everything.split():
        expected = tier if scope in allowed else Reason.STALE
        assert await outcome(issuer, cut_off, request, scope) is expected
    new = issuer.request(issuer.mint(audience=AUDIENCE, scope=everything, lifetime=3600))
    assert await outcome(issuer, cut_off, new) is (tier if allowed else Reason.STALE)


@requirement("R-43", "R-41")
async def test_what_stale_news_forbid_is_503_and_what_was_never_granted_403(issuer, cut_off):
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope="orders.read orders.write"))
    issuer.advance(10, heartbeat=False)
    with pytest.raises(TokenRefused) as refused:
        await cut_off.verify(request, required_scopes={"orders.write"})
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    with pytest.raises(TokenRefused) as refused:
        await cut_off.verify(request, required_scopes={"orders.admin"})
    assert refused.value.status == 403


@requirement("R-43")
async def test_a_token_shows_what_of_it_may_be_used(issuer, cut_off):
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope="orders.read orders.write"))
    issuer.advance(10, heartbeat=False)
    token = await cut_off.verify(request)
    assert token.scopes == {"orders.read"}
    assert token.granted_scopes == {"orders.read", "orders.write"}
    with pytest.raises(TokenRefused) as refused:
        cut_off.require(token, {"orders.write"})
    assert refused.value.status == 503


@requirement("R-43", "G-7")
async def test_with_no_scope_left_nothing_is_allowed_even_if_none_is_required(issuer, cut_off):
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope="orders.write"))
    assert await outcome(issuer, cut_off, request) is Tier.FRESH
    issuer.advance(10, heartbeat=False)
    assert await outcome(issuer, cut_off, request) is Reason.STALE


@requirement("G-1")
async def test_a_heartbeat_makes_fresh_again_and_both_changes_are_told(issuer, cut_off, events):
    issuer.advance(10, heartbeat=False)
    await soon(lambda: TierChanged(Tier.FRESH, Tier.REDUCED) in events)
    issuer.network.holding = False
    issuer.advance(0)
    await issuer.delivered()
    assert cut_off.tier is Tier.FRESH
    assert events[-1] == TierChanged(Tier.REDUCED, Tier.FRESH)


@requirement("G-1")
async def test_a_repeated_old_heartbeat_makes_nothing_fresher(issuer, cut_off):
    old = issuer.history.heartbeat_block()
    issuer.advance(10, heartbeat=False)
    issuer.network.deliver(old)
    await a_while()
    assert cut_off.tier is Tier.REDUCED


@requirement("G-1")
async def test_setting_the_wall_clock_back_makes_nothing_fresher(issuer, cut_off):
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope="orders.write"))
    await cut_off.verify(request)
    issuer.advance(10, heartbeat=False)
    issuer.clock.set_wall_clock(issuer.clock.now() - 10_000)
    assert await outcome(issuer, cut_off, request, "orders.write") is Reason.STALE


@requirement("G-1")
async def test_a_clock_behind_the_database_is_an_alarm(issuer, verifier, events):
    ahead = issuer.clock.now() + 3_000
    real, issuer.history._clock = issuer.history._clock, type("", (), {"now": lambda _: ahead})()
    issuer.network.publish(issuer.history.heartbeat_block())
    issuer.history._clock = real
    await soon(lambda: any(isinstance(event, Alarm) for event in events))
    assert [e.kind for e in events if isinstance(e, Alarm)] == [AlarmKind.CLOCK]


@requirement("G-1", "RFC 7519 §4.1.4")
async def test_a_token_expires_by_the_signed_clock_too(issuer, verifier):
    # The local clock stands still; the database's goes on, and drops expired records.
    request = issuer.request(issuer.mint(audience=AUDIENCE, lifetime=60))
    await verifier.verify(request)
    ahead = issuer.clock.now() + 65_000
    real, issuer.history._clock = issuer.history._clock, type("", (), {"now": lambda _: ahead})()
    issuer.network.publish(issuer.history.heartbeat_block())
    issuer.history._clock = real
    await verifier.applied(issuer.head, closed=ahead)
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(request)
    # Perhaps it is the database that is wrong: then a new token would fare no better.
    assert (refused.value.reason, refused.value.status) == (Reason.STALE, 503)


@requirement("G-1", "R-43")
@pytest.mark.parametrize("seconds", [0, 5])
async def test_before_the_first_synchronization_everything_is_refused(seconds, issuer):
    issuer.network.offline = True
    verifier = issuer.verifier(AUDIENCE, first_sync=seconds)
    request = issuer.request(issuer.mint(audience=AUDIENCE))
    asking = asyncio.ensure_future(outcome(issuer, verifier, request))
    await a_while()
    # Within the time for the first synchronization the request waits; after it, or without, not.
    assert asking.done() is (seconds == 0)
    issuer.advance(seconds)
    assert await asking is Reason.UNSYNCHRONIZED
    assert verifier.tier is Tier.NOTHING
    issuer.network.offline = False
    issuer.advance(1)
    await soon(lambda: verifier.head is not None)
    assert await outcome(issuer, verifier, request) is Tier.FRESH
    await verifier.close()


@requirement("R-43")
async def test_requests_before_the_first_synchronization_wait_for_it(issuer):
    verifier = issuer.verifier(AUDIENCE)
    request = issuer.request(issuer.mint(audience=AUDIENCE))
    tiers = await asyncio.gather(*(outcome(issuer, verifier, request) for _ in range(10)))
    assert tiers == [Tier.FRESH] * 10
    assert [url for _, url in issuer.network.requests].count(f"{issuer.url}/feed/snapshot") == 1
    await verifier.close()
