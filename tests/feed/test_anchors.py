"""Anchors: remembered for 30 days, however many frames come."""

from itertools import pairwise

from feed.history import NOW, number
from support.requirement import requirement
from tokenry.feed.anchors import KEPT_FOR, RECENT, SPACING, Anchors
from tokenry.feed.chain import ChainHead


def head(n: int) -> ChainHead:
    return ChainHead(number(n), n.to_bytes(32, "big"))


def filled(count: int, *, every: float) -> Anchors:
    """Heads 1 to `count`, so many seconds apart."""
    anchors = Anchors()
    for n in range(1, count + 1):
        anchors.add(head(n), closed=NOW + round(n * every * 1000))
    return anchors


def test_the_highest_between_two_numbers_is_found():
    anchors = Anchors()
    for n in (3, 7, 9):
        anchors.add(head(n), closed=NOW)
    assert anchors.newest_between(number(1), number(2)) is None
    assert anchors.newest_between(number(4), number(6)) is None
    assert anchors.newest_between(number(3), number(3)) == head(3)
    assert anchors.newest_between(number(1), number(8)) == head(7)
    assert anchors.newest_between(number(9), number(99)) == head(9)
    assert anchors.newest_between(number(10), number(99)) is None
    assert list(anchors) == [head(3), head(7), head(9)]


@requirement("G-1")
def test_few_anchors_are_kept_for_thirty_days():
    day = 24 * 3600
    anchors = filled(32, every=day)
    assert [each.last - number(0) for each in anchors] == list(range(32 - KEPT_FOR // day, 33))


@requirement("G-1", "G-8")
def test_of_many_the_newest_are_all_kept_and_older_ones_spaced():
    anchors = filled(40_000, every=1)
    numbers = [each.last - number(0) for each in anchors]
    assert numbers[-RECENT:] == list(range(40_001 - RECENT, 40_001))
    oldest = [n for n in numbers if n <= 40_000 - 2 * RECENT]
    assert numbers[0] == 1
    assert all(b - a == SPACING for a, b in pairwise(oldest))
    assert len(oldest) >= 40
    assert anchors.newest_between(number(1), number(950)) == head(numbers[1])


@requirement("G-8")
def test_anchors_are_bounded_over_months():
    longest = max(len(filled(count, every=300)) for count in (8000, 20_000))
    assert longest <= KEPT_FOR // SPACING + 2 * RECENT
