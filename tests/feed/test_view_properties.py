"""Any loss, repetition or reordering ends in the right view, or in a hole that is told of."""

from hypothesis import given, settings
from hypothesis import strategies as st

from feed.history import (
    ISSUER,
    LEEWAY,
    NOW,
    POOL,
    SECONDS,
    History,
    histories,
    number,
    reading,
    record,
    synchronized,
)
from support.requirement import requirement
from tokenry.feed.frame import NOTHING_STATED, parse_frame
from tokenry.feed.outcomes import (
    AlreadyKnown,
    Applied,
    ChainMismatch,
    Gap,
    Installed,
    SnapshotNeeded,
    ViewState,
)
from tokenry.feed.record import RecordType, record_from_bytes
from tokenry.feed.staleness import ClockReading
from tokenry.feed.view import SWEEP_EVERY, RevocationView

CARRIED = st.frozensets(st.sampled_from(POOL), min_size=1, max_size=3)


@st.composite
def deliveries(draw, history: History, *, most=25):
    """What might arrive, in any order and any number of times: kind, and from which to which."""
    count = len(history)
    one = st.tuples(
        st.sampled_from(("frame", "frame", "frame", "heartbeat", "snapshot", "merged_snapshot")),
        st.integers(1, count + 1),
        st.integers(0, count),
    )
    return draw(st.lists(one, max_size=most))


class Expected:
    """The head a view must be at, by the rules alone; None before the first snapshot."""

    def __init__(self) -> None:
        self.head: int | None = None

    def after(self, kind: str, first: int, last: int) -> None:
        if "snapshot" in kind:
            self.head = last if self.head is None else max(self.head, last)
        elif kind == "frame" and self.head is not None and first <= self.head + 1:
            self.head = max(self.head, last)


def deliver(view: RevocationView, history: History, kind: str, first: int, last: int):
    """Bring one thing to the view; frames go through their bytes."""
    if kind == "frame":
        # Only who knows nothing behind it states how far it is closed.
        closed = history.closed_at(last) if (first + last) % 2 else NOTHING_STATED
        made = history.frame(min(first, last + 1), last, closed=closed)
        return view.apply_frame(parse_frame(made.to_payload()), reading())
    if kind == "heartbeat":
        return view.apply_heartbeat(history.heartbeat(last), reading())
    loaded = history.snapshot(last, view=view if kind == "merged_snapshot" else None)
    return view.install(loaded, reading())


def assert_view_is(view: RevocationView, history: History, n: int, carried, births) -> None:
    for selectors in (*carried, *(frozenset({each}) for each in POOL)):
        for birth in births:
            rsn = number(min(birth, len(history)))
            assert view.matches(selectors, rsn) == history.revokes(n, selectors, rsn)
    assert view.removed_keys == history.removed_keys(n)
    assert view.chain_head == history.heads[n]


@requirement("G-1", "R-31", "R-32")
@given(st.data())
def test_no_record_is_ever_missing_in_silence(data):
    history = data.draw(histories())
    arriving = data.draw(deliveries(history))
    carried = data.draw(st.lists(CARRIED, max_size=3))
    births = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=3))
    view = RevocationView(ISSUER, leeway=LEEWAY)
    expected = Expected()
    for kind, first, last in arriving:
        first = min(first, last + 1)
        head_before, version_before = expected.head, view.version
        outcome = deliver(view, history, kind, first, last)
        expected.after(kind, first, last)
        assert not outcome.alarm
        if expected.head is None:
            assert outcome == SnapshotNeeded(ViewState.NEVER_SYNCHRONIZED)
            assert view.head is None
            continue
        assert_view_is(view, history, expected.head, carried, births)
        if head_before is not None and kind in {"frame", "heartbeat"}:
            missed = first > head_before + 1 if kind == "frame" else last > head_before
            assert (outcome == Gap(number(head_before))) == (missed and last > head_before)
        if expected.head != head_before:
            assert isinstance(outcome, Applied | Installed)
            assert view.version != version_before
    assert_end_or_hole(view, history, expected.head)


def assert_end_or_hole(view: RevocationView, history: History, head: int | None) -> None:
    """The next heartbeat at the end says what is missing, if anything is."""
    outcome = view.apply_heartbeat(history.heartbeat(len(history)), reading())
    if head is None:
        assert isinstance(outcome, SnapshotNeeded)
    elif head < len(history):
        assert outcome == Gap(number(head))
    else:
        assert outcome == AlreadyKnown()


@requirement("G-1", "R-32")
@given(st.data())
def test_a_frame_of_any_other_history_is_noticed_and_changes_nothing(data):
    history = data.draw(histories(least=2))
    altered_at = data.draw(st.integers(1, len(history)))
    forged = History(
        [
            *history.records[: altered_at - 1],
            data.draw(alterations(history, altered_at)),
            *history.records[altered_at:],
        ]
    )
    head = data.draw(st.integers(altered_at, len(history)))
    last = data.draw(st.integers(altered_at, len(history)))
    first = data.draw(st.integers(1, min(head, last) + 1))
    view = synchronized(history)
    for n in range(1, head + 1):
        view.apply_frame(history.frame(n, n, closed=history.closed_at(n)), reading())
    if data.draw(st.booleans(), label="as a heartbeat") and last <= head:
        outcome = view.apply_heartbeat(forged.heartbeat(last), reading())
    else:
        outcome = view.apply_frame(forged.frame(first, last), reading())
    assert isinstance(outcome, ChainMismatch)
    assert view.state is ViewState.DISTRUSTED
    assert view.staleness(reading()) is None
    assert_view_is(view, history, head, [], [0])


@st.composite
def alterations(draw, history: History, at: int):
    """The record at `at`, with any one field changed."""
    old = history.records[at - 1]
    packed = bytearray(old.to_bytes())
    # Not the number, nor what would not be a number below 2**53: frames with those are malformed.
    where = draw(st.sampled_from([8, *range(9, 25), *range(27, 33), *range(35, 41)]))
    if where == 8:
        return record(at, old.selector, is_key=old.type is not RecordType.KEY)
    packed[where] ^= draw(st.integers(1, 255))
    return record_from_bytes(bytes(packed))


@requirement("G-1", "R-32")
@given(st.data())
def test_a_snapshot_of_another_history_brings_nothing_back(data):
    common = data.draw(histories(most=10))
    ours = History([*common.records, *continued(data, common)])
    theirs = History([*common.records, *continued(data, common)])
    view = synchronized(ours, len(ours))
    merged = data.draw(st.booleans(), label="merged in its thread")
    snapshot = theirs.snapshot(len(theirs), view=view if merged else None)
    head_before = view.head
    outcome = view.install(snapshot, reading())
    if isinstance(outcome, Installed):
        assert view.head == number(len(theirs)) >= head_before
        assert view.removed_keys == ours.removed_keys(len(ours)) | theirs.removed_keys(len(theirs))
    else:
        assert view.head == head_before
    for selector in POOL:
        for birth in (0, len(common), len(ours) - 1):
            was_revoked = ours.revokes(len(ours), frozenset({selector}), number(birth))
            if was_revoked is not None:
                assert view.matches(frozenset({selector}), number(birth)) is not None


def continued(data, common: History):
    more = data.draw(st.lists(st.sampled_from(POOL), min_size=1, max_size=6))
    return [record(len(common) + n, selector) for n, selector in enumerate(more, start=1)]


@requirement("G-1", "R-36")
@settings(max_examples=60)
@given(st.data())
def test_a_record_goes_when_the_signed_clock_says_so_and_never_before(data):
    history = data.draw(histories(spread=100))
    view = synchronized(history, len(history))
    closed = history.closed_at(len(history))
    for step in data.draw(st.lists(st.integers(0, 40_000), max_size=20)):
        closed += step
        # The local clock says anything at all.
        wrong = data.draw(st.integers(-10_000_000, 10_000_000))
        at = ClockReading(closed + wrong, closed / 1000)
        view.apply_heartbeat(history.heartbeat(len(history), closed=closed), at)
        for each in history.records:
            if each.type is RecordType.SELECTOR and closed <= (each.expires + LEEWAY) * 1000:
                assert view.matches(frozenset({each.selector}), each.before - 1) is not None
    assert view.removed_keys == history.removed_keys(len(history))


@requirement("G-1", "R-36")
@given(histories(spread=200), st.integers(0, 600))
def test_every_expired_record_is_gone_after_a_round_of_heartbeats(history, later):
    view = synchronized(history, len(history))
    closed = NOW + later * 1000
    seconds = range(SWEEP_EVERY + 2)
    for second in seconds:
        beat = history.heartbeat(len(history), closed=closed + second * 1000)
        view.apply_heartbeat(beat, reading(later + second))
    alive = {}
    for each in history.records:
        if each.type is RecordType.SELECTOR:
            alive[each.selector] = max(alive.get(each.selector, 0), each.expires)
    limit = SECONDS + later - LEEWAY
    surely_live = {s for s, expires in alive.items() if expires >= limit + seconds[-1]}
    perhaps_live = {s for s, expires in alive.items() if expires >= limit}
    keys = len(history.removed_keys(len(history)))
    assert len(surely_live) <= len(view) - keys <= len(perhaps_live)
