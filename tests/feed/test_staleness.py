"""Staleness and tiers: the table of G-1, and clocks that jump."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.history import ISSUER, NOW
from support.requirement import requirement
from tokenry.feed.profile import Profile, Tiers
from tokenry.feed.staleness import ClockReading, Staleness, Tier, tier_at, usable_scopes

TIERS = Tiers(fresh=5, reduced=60, survival=300)


@requirement("G-1", "R-43")
@pytest.mark.parametrize(
    ("staleness", "tier"),
    [
        (None, Tier.NOTHING),
        (0, Tier.FRESH),
        (5000, Tier.FRESH),
        (5001, Tier.REDUCED),
        (60_000, Tier.REDUCED),
        (60_001, Tier.SURVIVAL),
        (300_000, Tier.SURVIVAL),
        (300_001, Tier.NOTHING),
    ],
)
def test_the_table_of_tiers(staleness, tier):
    assert tier_at(staleness, TIERS) is tier


@pytest.mark.parametrize(
    ("tier", "usable"),
    [
        (Tier.FRESH, {"read", "write", "status"}),
        (Tier.REDUCED, {"read"}),
        (Tier.SURVIVAL, {"status"}),
        (Tier.NOTHING, set()),
    ],
)
def test_what_a_token_grants_is_narrowed_by_the_tier(tier, usable):
    profile = Profile(
        issuer=ISSUER,
        audience="https://orders.example",
        profile=1,
        tiers=TIERS,
        low_risk_scopes=frozenset({"read", "list"}),
        survival_scopes=frozenset({"status", "list"}),
        max_token_lifetime=300,
        leeway=5,
    )
    assert usable_scopes(frozenset({"read", "write", "status"}), tier, profile) == usable


def at(wall: float, boot: float) -> ClockReading:
    """Seconds after NOW on the wall clock, and since boot."""
    return ClockReading(NOW + round(wall * 1000), boot)


def heard(*messages: tuple[float, float, float]) -> Staleness:
    """Complete messages: closed, and wall and boot clock at their receipt, in seconds."""
    staleness = Staleness()
    for closed, wall, boot in messages:
        staleness.observe(NOW + round(closed * 1000), at(wall, boot), complete=True)
    return staleness


@requirement("G-1")
@pytest.mark.parametrize(
    ("say", "messages", "asked_at", "milliseconds"),
    [
        ("at once", [(0, 0, 10)], (0, 10), 0),
        ("it ages", [(0, 0, 10)], (3, 13), 3000),
        ("it was old when it came", [(0, 2, 10)], (3, 11), 3000),
        ("the clock is ahead: too cautious", [(0, 4, 10)], (4, 10), 4000),
        ("the clock is behind, which was seen", [(0, -4, 10)], (-1, 13), 3000),
        ("seen once, remembered", [(0, -4, 10), (10, 8, 22)], (8, 22), 2000),
        ("a stopped wall clock", [(0, 0, 10)], (0, 17), 7000),
        ("asleep in between", [(0, 0, 10)], (3600, 3610), 3_600_000),
        ("set back afterwards", [(0, 0, 10)], (-100, 13), 3000),
        ("set back, old news arrives", [(0, 0, 10), (1, -90, 20)], (-90, 20), 9000),
        ("set ahead afterwards", [(0, 0, 10)], (100, 13), 100_000),
        ("woke with a wrong clock, put right", [(0, -600, 10), (2, 2, 12)], (3, 13), 1000),
        ("was ahead, put right", [(0, 600, 10), (2, 2, 12)], (3, 13), 1000),
        ("put right in silence", [(0, -600, 10)], (2, 12), 2000),
        ("a repeat of old news", [(0, 0, 10), (0, 4, 14)], (4, 14), 4000),
        ("a slow clock", [(0, 0, 10), (0, 0.6, 11), (0, 1.2, 12)], (1.8, 13), 3000),
        ("older news after newer", [(5, 5, 15), (0, 6, 16)], (6, 16), 1000),
    ],
)
def test_staleness_by_the_clocks(say, messages, asked_at, milliseconds):
    assert heard(*messages).milliseconds(at(*asked_at)) == milliseconds, say


def test_nothing_complete_has_no_staleness():
    staleness = Staleness()
    assert staleness.milliseconds(at(0, 10)) is None
    staleness.observe(NOW, at(0, 10), complete=False)
    assert staleness.milliseconds(at(0, 10)) is None
    assert not staleness.deadline(5).holds(NOW, 10.0)


@requirement("G-1")
@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([(0, 0, 10)], False),
        ([(1, 0, 10)], False),
        ([(1.001, 0, 10)], True),
        ([(0, 100, 10)], False),
        ([(30, 0, 10), (31, 31, 11)], False),
        ([(30, 0, 10), (31, 1, 11)], True),
        ([(30, 0, 10), (0, 1, 11)], True),
    ],
)
def test_closed_far_ahead_of_now_is_a_clock_fault_until_the_clock_is_set(messages, fault):
    assert heard(*messages).clock_fault is fault


STEPS = st.just(0) | st.integers(-(10**7), -600) | st.integers(600, 10**7)


@st.composite
def runs(draw):
    """(true time, wall clock, delay of what arrives), milliseconds; boot clock = true time."""
    true, skew = 0, draw(st.integers(-(10**7), 10**7))
    moments = []
    for _ in range(draw(st.integers(1, 12))):
        true += draw(st.integers(0, 100_000))
        skew += draw(STEPS)
        moments.append((true, true + skew, draw(st.integers(0, 100_000))))
    return moments


@requirement("G-1", "R-32")
@given(runs(), st.integers(0, 100_000), STEPS)
def test_no_clock_makes_old_news_look_fresher_than_the_promptest_message_allows(
    moments, later, last_step
):
    staleness = Staleness()
    newest = 0
    for true, wall, delay in moments:
        closed = NOW + true - delay
        newest = max(newest, closed)
        reading = ClockReading(NOW + wall, 50 + true / 1000)
        staleness.observe(closed, reading, complete=True)
    true, wall, _ = moments[-1]
    true, wall = true + later, wall + later + last_step
    asked_at = ClockReading(NOW + wall, 50 + true / 1000)
    found = staleness.milliseconds(asked_at)
    promptest = min(delay for _, _, delay in moments)
    assert found >= NOW + true - newest - promptest
    # And no clock that is right now leaves it staler than the truth.
    if wall == true:
        assert found <= NOW + true - newest


@given(runs(), st.integers(0, 100_000), STEPS, st.integers(0, 300))
def test_while_a_deadline_holds_its_limit_does(moments, later, last_step, limit):
    staleness = Staleness()
    for true, wall, delay in moments:
        reading = ClockReading(NOW + wall, 50 + true / 1000)
        staleness.observe(NOW + true - delay, reading, complete=True)
    true, wall, _ = moments[-1]
    now, boottime = NOW + wall + later + last_step, 50 + (true + later) / 1000
    found = staleness.milliseconds(ClockReading(now, boottime))
    if staleness.deadline(limit).holds(now, boottime):
        assert found <= limit * 1000
    elif last_step == 0:
        assert found >= limit * 1000


def test_a_clock_that_is_set_back_extends_no_deadline():
    staleness = heard((0, -4, 10), (7, 6, 20))
    assert staleness.milliseconds(at(6, 20)) == 3000
    assert staleness.deadline(5).holds(at(8, 22).now, 22)
    assert not staleness.deadline(5).holds(at(-90, 23).now, 23)
    assert staleness.milliseconds(at(-90, 23)) == 6000
