"""Positions of verifiers: the last word of each, bounded, soon forgotten."""

import pytest

from support.manual_clock import ManualClock
from support.requirement import requirement
from tokenry.authority.feed_positions import (
    FORGOTTEN_AFTER,
    MAX_PER_RESOURCE_SERVER,
    MAX_POSITIONS,
    FeedPositions,
    Position,
)
from tokenry.ports.events import Level
from tokenry.telemetry import Metrics
from tokenry.vocabulary.sequence import FIRST_HEAD


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def positions(clock):
    return FeedPositions(clock=clock)


@pytest.fixture
def report(positions, clock):
    def report(instance="i", *, server="orders", head=FIRST_HEAD, lag_ms=3):
        positions.report(
            Position(
                resource_server=server,
                instance=instance,
                head=head,
                closed=clock.now(),
                lag_ms=lag_ms,
                keys=(),
                reported_at=clock.now(),
            )
        )

    return report


def test_an_instance_is_known_by_its_last_report(positions, report):
    report(head=FIRST_HEAD + 1)
    report(head=FIRST_HEAD + 2)
    report(server="payments")
    assert [(p.resource_server, p.head) for p in positions.lately()] == [
        ("orders", FIRST_HEAD + 2),
        ("payments", FIRST_HEAD),
    ]


def test_who_is_silent_is_forgotten(positions, report, clock):
    report("silent")
    clock.advance(FORGOTTEN_AFTER - 1)
    report("talking")
    assert len(positions.lately()) == 2
    clock.advance(1)
    assert [p.instance for p in positions.lately()] == ["talking"]


@requirement("G-8")
def test_positions_are_bounded_in_each_resource_server_and_the_oldest_goes(positions, report):
    report("other", server="payments")
    for number in range(MAX_PER_RESOURCE_SERVER + 1):
        report(str(number))
    known = {p.instance for p in positions.lately()}
    assert len(known) == MAX_PER_RESOURCE_SERVER + 1
    assert "other" in known
    assert "0" not in known


@requirement("G-8")
def test_positions_are_bounded_overall(positions, report):
    for number in range(MAX_POSITIONS + 5):
        report(str(number), server=f"server-{number % 100}")
    assert len(positions.lately()) == MAX_POSITIONS


@requirement("R-31")
def test_metrics_show_the_worst_of_each_resource_server_and_nothing_stale(positions, report, clock):
    metrics = Metrics()
    report("a", head=FIRST_HEAD + 8, lag_ms=40)
    report("b", head=FIRST_HEAD + 3, lag_ms=2500)
    report("c", head=FIRST_HEAD + 30, lag_ms=None)

    def shown(level):
        text = metrics.render().decode()
        (line,) = [row for row in text.splitlines() if row.startswith(f"tokenry_{level}{{")]
        return line

    positions.tell(metrics, head=FIRST_HEAD + 10)
    assert shown(Level.VERIFIERS) == 'tokenry_verifiers{resource_server="orders"} 3.0'
    assert shown(Level.VERIFIERS_UNSYNCHRONIZED).endswith(" 1.0")
    assert shown(Level.VERIFIER_LAG).endswith(" 2.5")
    assert shown(Level.VERIFIER_RECORDS_BEHIND).endswith(" 7.0")
    clock.advance(FORGOTTEN_AFTER)
    positions.tell(metrics, head=FIRST_HEAD + 10)
    assert shown(Level.VERIFIERS).endswith(" 0.0")
    assert shown(Level.VERIFIER_LAG).endswith(" 0.0")
