"""The view's rules one by one, as the reference page states them."""

import msgspec
import pytest

from feed.history import (
    ISSUER,
    LEEWAY,
    NOW,
    SECONDS,
    History,
    number,
    reading,
    record,
    simple_history,
    synchronized,
)
from support.requirement import requirement
from tokenry.feed.chain import ChainHead
from tokenry.feed.frame import NOTHING_STATED
from tokenry.feed.heartbeat import Heartbeat, IssuerHead
from tokenry.feed.outcomes import (
    AlreadyKnown,
    Applied,
    Backwards,
    ChainMismatch,
    Gap,
    Installed,
    NotOurs,
    SnapshotNeeded,
    UnknownEpoch,
    ViewFull,
    ViewState,
)
from tokenry.feed.profile import Tiers
from tokenry.feed.refusals import ExceedsCapacity
from tokenry.feed.staleness import Tier
from tokenry.feed.view import RevocationView
from tokenry.vocabulary.selectors import SelectorKind, selector

HISTORY = simple_history(12)
FIRST_SELECTOR = frozenset({HISTORY.records[0].selector})


def test_a_token_is_revoked_if_born_below_before_and_only_then():
    view = synchronized(HISTORY, 3)
    assert view.matches(FIRST_SELECTOR, number(0)) == number(1)
    assert view.matches(FIRST_SELECTOR, number(1)) is None
    others = frozenset({record(9, b"n" * 16).selector, *FIRST_SELECTOR})
    assert view.matches(others, number(0)) == number(1)
    assert view.matches(frozenset({b"n" * 16}), number(0)) is None
    assert view.matches(frozenset(), number(0)) is None


def test_of_several_matching_records_the_latest_decides():
    twice = History([record(1, b"a" * 16), record(2, b"b" * 16), record(3, b"a" * 16)])
    view = synchronized(twice)
    view.apply_frame(twice.frame(1, 3), reading())
    assert view.matches(frozenset({b"a" * 16}), number(2)) == number(3)
    assert view.matches(frozenset({b"a" * 16, b"b" * 16}), number(1)) == number(3)
    assert len(view) == 2


@requirement("G-1")
def test_a_healed_record_revokes_below_its_own_before():
    """A record that was recovered from a lost database keeps the `before` it had there."""
    healed = msgspec.structs.replace(record(1, b"a" * 16), before=number(7))
    history = History([healed, *(record(n, b"b" * 16) for n in range(2, 9))])
    view = synchronized(history)
    view.apply_frame(history.frame(1, 8), reading())
    assert view.matches(frozenset({b"a" * 16}), number(6)) == number(7)
    assert view.matches(frozenset({b"a" * 16}), number(7)) is None


def test_a_key_record_drops_a_key_and_matches_no_token():
    named = selector(ISSUER, SelectorKind.KEY, "thumbprint")
    history = History([record(1, named, is_key=True)])
    view = synchronized(history)
    version = view.version
    view.apply_frame(history.frame(1, 1), reading())
    assert view.removed_keys == {named}
    assert view.matches(frozenset({named}), number(0)) is None
    assert view.version != version


def test_only_a_snapshot_is_a_beginning():
    view = RevocationView(ISSUER, leeway=LEEWAY)
    needed = SnapshotNeeded(ViewState.NEVER_SYNCHRONIZED)
    assert view.apply_frame(HISTORY.frame(1, 2), reading()) == needed
    assert view.apply_heartbeat(HISTORY.heartbeat(0), reading()) == needed
    assert (view.head, view.staleness(reading()), len(view)) == (None, None, 0)
    assert view.install(HISTORY.snapshot(2), reading()) == Installed(2)
    assert (view.head, view.state) == (number(2), ViewState.SYNCHRONIZED)


def test_overlapping_frames_apply_only_what_is_new():
    view = synchronized(HISTORY, 4)
    assert view.apply_frame(HISTORY.frame(2, 7), reading()) == Applied(3)
    assert view.apply_frame(HISTORY.frame(2, 7), reading()) == AlreadyKnown()
    assert view.apply_frame(HISTORY.frame(1, 3), reading()) == AlreadyKnown()
    assert view.apply_frame(HISTORY.frame(9, 10), reading()) == Gap(number(7))
    assert view.apply_frame(HISTORY.empty_frame(12), reading()) == Gap(number(7))
    assert view.apply_heartbeat(HISTORY.heartbeat(8), reading()) == Gap(number(7))
    assert view.head == number(7)


def test_what_speaks_of_another_issuer_is_left_alone():
    view = synchronized(HISTORY, 4)
    foreign = msgspec.structs.replace(HISTORY.frame(5, 5), issuer="https://other.example")
    assert view.apply_frame(foreign, reading()) == NotOurs()
    elsewhere = Heartbeat(NOW, (IssuerHead("https://other.example", HISTORY.heads[9], 1),))
    assert view.apply_heartbeat(elsewhere, reading()) == NotOurs()
    loaded = HISTORY.snapshot(9)
    manifest = msgspec.structs.replace(loaded.manifest, issuer="https://other.example")
    assert view.install(msgspec.structs.replace(loaded, manifest=manifest), reading()) == NotOurs()
    assert view.head == number(4)


@requirement("G-1", "R-32")
def test_a_lower_head_is_an_alarm_only_if_stated_later():
    view = synchronized(HISTORY, 4)
    view.apply_frame(HISTORY.frame(5, 6, closed=NOW + 1000), reading())
    lags = HISTORY.heartbeat(5, closed=NOW + 1000)
    assert view.apply_heartbeat(lags, reading()) == Backwards(number(5), alarm=False)
    set_back = HISTORY.heartbeat(5, closed=NOW + 1001)
    assert view.apply_heartbeat(set_back, reading()) == Backwards(number(5), alarm=True)
    as_frame = HISTORY.frame(5, 5, closed=NOW + 1001)
    assert view.apply_frame(as_frame, reading()) == Backwards(number(5), alarm=True)
    old_snapshot = HISTORY.snapshot(5, closed=NOW + 1000)
    assert view.install(old_snapshot, reading()) == Backwards(number(5), alarm=False)
    assert (view.head, view.state) == (number(6), ViewState.SYNCHRONIZED)
    assert view.apply_frame(HISTORY.frame(7, 7), reading()) == Applied(1)


def test_a_head_that_nobody_has_stated_yet_raises_no_alarm():
    """Its frame was not the last of its read: nodes may state a lower head at a later tick."""
    view = synchronized(HISTORY, 4)
    view.apply_frame(HISTORY.frame(5, 6, closed=NOTHING_STATED), reading())
    lower = HISTORY.heartbeat(5, closed=NOW + 5000)
    assert view.apply_heartbeat(lower, reading()) == Backwards(number(5), alarm=False)
    view.apply_heartbeat(HISTORY.heartbeat(6, closed=NOW + 4000), reading())
    assert view.apply_heartbeat(lower, reading()).alarm


@requirement("G-1", "G-6")
@pytest.mark.parametrize("at", [3, 5, 6])
def test_another_chain_value_at_a_known_number_ends_trust(at):
    view = synchronized(HISTORY, 3)
    view.apply_frame(HISTORY.frame(4, 5), reading())
    view.apply_frame(HISTORY.frame(6, 6), reading())
    other = ChainHead(number(at), b"x" * 32)
    stated = Heartbeat(NOW, (IssuerHead(ISSUER, other, 1),))
    assert view.apply_heartbeat(stated, reading()) == ChainMismatch(number(at))
    assert view.tier(Tiers(), reading()) is Tier.NOTHING
    assert view.apply_frame(HISTORY.frame(7, 7), reading()) == SnapshotNeeded(ViewState.DISTRUSTED)


def test_a_number_between_anchors_is_checked_from_the_anchor_before_it():
    view = synchronized(HISTORY, 3)
    view.apply_frame(HISTORY.frame(4, 9), reading())
    assert view.apply_frame(HISTORY.frame(4, 6), reading()) == AlreadyKnown()
    lie = msgspec.structs.replace(HISTORY.frame(4, 6), chain=b"x" * 32)
    assert view.apply_frame(lie, reading()) == ChainMismatch(number(6))


def test_what_cannot_be_compared_is_ignored():
    view = synchronized(HISTORY, 9)
    unknown = msgspec.structs.replace(HISTORY.frame(4, 6), chain=b"x" * 32)
    assert view.apply_frame(unknown, reading()) == AlreadyKnown()
    assert view.state is ViewState.SYNCHRONIZED


def test_trust_comes_back_with_a_snapshot_that_is_not_older():
    view = synchronized(HISTORY, 6)
    lie = HISTORY.heads[6].last, b"x" * 32
    view.apply_heartbeat(Heartbeat(NOW, (IssuerHead(ISSUER, ChainHead(*lie), 1),)), reading())
    assert view.install(HISTORY.snapshot(5), reading()) == Backwards(number(5), alarm=False)
    assert view.state is ViewState.DISTRUSTED
    assert view.install(HISTORY.snapshot(6), reading()) == Installed(6)
    assert view.state is ViewState.SYNCHRONIZED
    assert view.apply_frame(HISTORY.frame(7, 7), reading()) == Applied(1)


def test_a_history_that_was_given_up_is_no_measure_for_the_next():
    view = synchronized(HISTORY, 3)
    view.apply_frame(HISTORY.frame(4, 6), reading())
    other = History([record(n, bytes([n]) * 16) for n in range(1, 10)])
    assert view.apply_heartbeat(other.heartbeat(6), reading()) == ChainMismatch(number(6))
    view.install(other.snapshot(9), reading())
    assert view.apply_frame(other.frame(4, 6), reading()) == AlreadyKnown()
    assert view.state is ViewState.SYNCHRONIZED


@requirement("G-1", "R-32")
def test_what_was_applied_while_a_snapshot_was_loading_is_kept():
    view = synchronized(HISTORY, 3)
    other = History([record(n, bytes([n]) * 16) for n in range(1, 10)])
    loading = other.snapshot(9, view=view)
    view.apply_frame(HISTORY.frame(4, 4), reading())
    assert view.install(loading, reading()) == Installed(13)
    assert view.matches(frozenset({HISTORY.records[3].selector}), number(0)) == number(4)


def test_a_snapshot_that_contradicts_the_head_is_refused():
    view = synchronized(HISTORY, 6)
    other = History([*HISTORY.records[:5], record(6, b"other-selector-!")])
    assert view.install(other.snapshot(6), reading()) == ChainMismatch(number(6))
    assert view.matches(frozenset({HISTORY.records[5].selector}), number(0)) == number(6)
    assert view.state is ViewState.DISTRUSTED


def test_a_snapshot_of_what_is_known_changes_nothing_but_freshness():
    view = synchronized(HISTORY, 6)
    version = view.version
    snapshot = HISTORY.snapshot(6, closed=NOW + 9000)
    assert view.install(snapshot, reading(9)) == AlreadyKnown()
    assert (view.version, view.closed) == (version, NOW + 9000)


@requirement("G-1")
def test_a_later_epoch_needs_a_snapshot_and_the_view_ages_until_then():
    view = synchronized(HISTORY, 6)
    fenced = History([record(1, b"issuer-selector!", epoch=2)], epoch=2)
    frame = fenced.frame(1, 1, closed=NOW + 4000)
    assert view.apply_frame(frame, reading(4)) == UnknownEpoch(2)
    assert view.apply_heartbeat(fenced.heartbeat(1), reading(4)) == UnknownEpoch(2)
    assert (view.head, view.closed) == (number(6), HISTORY.closed_at(6))
    assert view.install(fenced.snapshot(1), reading(4)) == Installed(7)
    assert view.head == number(1, epoch=2)
    assert view.matches(frozenset({b"issuer-selector!"}), number(12)) == number(1, epoch=2)
    outcome = view.apply_frame(HISTORY.frame(7, 7, closed=NOW + 9000), reading(4))
    assert outcome == Backwards(number(7), alarm=True)


@requirement("G-8")
def test_a_full_view_allows_nothing_until_a_snapshot_fits():
    view = synchronized(HISTORY, 3, capacity=5)
    assert view.apply_frame(HISTORY.frame(4, 5, closed=NOW), reading()) == Applied(2)
    assert view.apply_frame(HISTORY.frame(6, 6, closed=NOW), reading()) == ViewFull(5)
    assert view.state is ViewState.FULL
    assert view.tier(Tiers(), reading()) is Tier.NOTHING
    assert view.apply_frame(HISTORY.frame(6, 6), reading()) == SnapshotNeeded(ViewState.FULL)
    at = reading(300 + LEEWAY + 1)
    fits = HISTORY.snapshot(12, closed=at.now, view=view)
    assert view.install(fits, at) == Installed(0)
    assert (view.head, view.tier(Tiers(), at)) == (number(12), Tier.FRESH)


def test_a_view_makes_room_before_it_says_it_is_full():
    history = History(
        [record(n, n.to_bytes(16, "big"), expires=SECONDS + 10) for n in range(1, 6)]
        + [record(6, b"n" * 16, expires=SECONDS + 900)]
    )
    view = synchronized(history, 5, capacity=5)
    view.apply_heartbeat(history.heartbeat(5, closed=NOW + 16_000), reading(16))
    assert view.apply_frame(history.frame(6, 6), reading(16)) == Applied(1)
    assert len(view) == 1


def test_a_snapshot_that_was_too_large_to_load_makes_the_view_full():
    view = synchronized(HISTORY, 3)
    version = view.version
    assert view.overflow() == ViewFull(view.capacity)
    assert (view.state, view.version) == (ViewState.FULL, version + 1)


def test_a_snapshot_and_what_was_known_can_be_more_than_fits():
    view = synchronized(HISTORY, 6, capacity=6)
    other = History([record(n, bytes([n % 3]) * 16) for n in range(1, 8)])
    with pytest.raises(ExceedsCapacity):
        other.snapshot(7, view=view)
    assert view.install(other.snapshot(7), reading()) == ViewFull(6)
    assert view.matches(FIRST_SELECTOR, number(0)) == number(1)


@requirement("G-1", "R-43")
def test_only_what_is_complete_makes_the_view_fresher():
    view = synchronized(HISTORY, 3)
    closed = view.closed
    view.apply_frame(HISTORY.frame(4, 5, closed=NOTHING_STATED), reading(7))
    view.apply_heartbeat(HISTORY.heartbeat(9, closed=NOW + 7000), reading(7))
    view.apply_heartbeat(HISTORY.heartbeat(4, closed=NOW + 7000), reading(7))
    assert view.closed == closed
    assert view.tier(Tiers(), reading(7)) is Tier.REDUCED
    view.apply_frame(HISTORY.frame(6, 6, closed=NOW + 6500), reading(7))
    assert view.closed == NOW + 6500
    assert view.staleness(reading(7)) == 500
    assert view.deadline(5).holds(reading(11.5).now, reading(11.5).boottime)
    assert not view.deadline(5).holds(reading(11.501).now, reading(11.501).boottime)


def test_the_newest_profile_version_is_remembered():
    view = synchronized(HISTORY, 3)
    assert view.profiles == 1
    view.apply_frame(HISTORY.frame(4, 4, profiles=7), reading())
    view.apply_frame(HISTORY.frame(5, 5, profiles=6), reading())
    view.apply_frame(HISTORY.frame(9, 9, profiles=8), reading())
    assert view.profiles == 7


def test_a_clock_fault_is_seen_even_in_what_cannot_be_applied():
    view = RevocationView(ISSUER, leeway=LEEWAY)
    assert not view.clock_fault
    view.apply_heartbeat(HISTORY.heartbeat(3, closed=NOW + 1001), reading())
    assert view.clock_fault


def test_anchors_are_the_ends_of_what_was_applied():
    view = synchronized(HISTORY, 3)
    view.apply_frame(HISTORY.frame(4, 5), reading())
    view.apply_frame(HISTORY.frame(5, 8), reading())
    view.apply_frame(HISTORY.frame(4, 5), reading())
    assert list(view.anchors) == [HISTORY.heads[3], HISTORY.heads[5], HISTORY.heads[8]]
