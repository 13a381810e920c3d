"""From rows to frames: the same chain on every node, and no frame that promises too much."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.history import ISSUER, NOW, History, histories, number, record, simple_history
from support.requirement import requirement
from tokenry.feed.chain import ChainHead, extend_chain
from tokenry.feed.frame import MAX_FRAME_RECORDS, NOTHING_STATED, Frame, parse_frame
from tokenry.feed.publishing import frames_after
from tokenry.feed.record import next_chain_value

HISTORY = simple_history(7)


def published(history: History, first: int, last: int, *, head: int, most=MAX_FRAME_RECORDS):
    return frames_after(
        ISSUER,
        history.heads[first - 1],
        history.records[first - 1 : last],
        head=history.heads[head],
        closed=NOW,
        profiles=3,
        most=most,
    )


@requirement("G-1")
@given(st.data())
def test_frames_hold_the_records_once_in_order_whatever_the_framing(data):
    history = data.draw(histories())
    first = data.draw(st.integers(1, len(history) + 1))
    last = data.draw(st.integers(first - 1, len(history)))
    head = data.draw(st.integers(last, len(history)))
    most = data.draw(st.integers(1, 5))
    frames = published(history, first, last, head=head, most=most)
    assert b"".join(frame.records for frame in frames) == history.frame(first, last).records
    expected = first
    for frame in frames:
        assert parse_frame(frame.to_payload()) == frame
        assert frame.first == number(expected)
        expected = frame.last - number(0) + 1
        assert frame.head == history.heads[expected - 1]
        assert len(frame.records) <= most * 41
        reaches_head = frame.last == history.heads[head].last
        assert frame.closed == (NOW if reaches_head else NOTHING_STATED)
        assert frame.profiles == 3
    assert expected == last + 1


def test_nothing_new_is_one_empty_frame():
    assert published(HISTORY, 8, 7, head=7) == [
        Frame.empty(ISSUER, HISTORY.heads[7], closed=NOW, profiles=3)
    ]
    (behind,) = published(HISTORY, 4, 3, head=7)
    assert (behind.last, behind.closed) == (number(3), NOTHING_STATED)


def test_a_full_frame_has_five_hundred_records():
    history = simple_history(1001)
    frames = published(history, 1, 1001, head=1001)
    assert [(f.first - number(0), f.last - number(0)) for f in frames] == [
        (1, 500),
        (501, 1000),
        (1001, 1001),
    ]


@requirement("G-1")
def test_the_chain_goes_on_in_a_new_epoch_from_its_own_beginning():
    later = History([record(n, b"s" * 16, epoch=3) for n in (1, 2)], epoch=3)
    frames = frames_after(
        ISSUER,
        HISTORY.heads[5],
        [*HISTORY.records[5:], *later.records],
        head=later.heads[2],
        closed=NOW,
        profiles=1,
    )
    assert frames == [
        HISTORY.frame(6, 7, closed=NOTHING_STATED),
        later.frame(1, 2, closed=NOW),
    ]


@pytest.mark.parametrize(
    ("after", "records", "head"),
    [
        (0, HISTORY.records[1:], HISTORY.heads[7]),
        (0, [*HISTORY.records[:3], *HISTORY.records[4:]], HISTORY.heads[7]),
        (0, HISTORY.records[::-1], HISTORY.heads[7]),
        (3, HISTORY.records, HISTORY.heads[7]),
        (0, HISTORY.records, ChainHead(number(7), b"x" * 32)),
        (0, HISTORY.records, HISTORY.heads[6]),
        (7, [], HISTORY.heads[6]),
        (7, [], ChainHead(number(7), b"x" * 32)),
        (0, [record(2, b"s" * 16, epoch=2)], ChainHead(number(2, 2), b"x" * 32)),
        (0, [msgspec.structs.replace(HISTORY.records[0], expires=2**53)], HISTORY.heads[1]),
        (0, [msgspec.structs.replace(HISTORY.records[0], before=-1)], HISTORY.heads[1]),
        (0, [msgspec.structs.replace(HISTORY.records[0], selector=b"short")], HISTORY.heads[1]),
    ],
    ids=lambda value: None,
)
def test_nothing_is_framed_that_does_not_fit(after, records, head):
    with pytest.raises(ValueError, match=r"\w"):
        frames_after(ISSUER, HISTORY.heads[after], records, head=head, closed=NOW, profiles=1)


@given(histories())
def test_the_chain_is_the_same_record_by_record(history):
    chain = history.heads[0].chain
    for each in history.records:
        chain = next_chain_value(chain, each)
    packed = history.frame(1, len(history)).records
    assert chain == extend_chain(history.heads[0].chain, packed) == history.heads[-1].chain
