"""Everything that reads bytes: what it refuses, and that nothing makes it fail in another way."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.history import CAPACITY, NOW, simple_history
from support.requirement import requirement
from tokenry.feed.frame import MAX_FRAME_RECORDS, Frame, parse_frame
from tokenry.feed.heartbeat import parse_heartbeat
from tokenry.feed.packed_records import require_records
from tokenry.feed.profile import parse_profile
from tokenry.feed.record import NEVER, RECORD_BYTES, record_from_bytes
from tokenry.feed.refusals import ExceedsCapacity, FeedRefused, UnsupportedVersion
from tokenry.feed.snapshot import (
    SnapshotBody,
    largest_body,
    load_snapshot,
    parse_manifest,
    split_snapshot,
)
from tokenry.vocabulary.identifiers import encode_base64url
from vectors.feed.generate import existing_documents

OBJECTS = existing_documents()["objects.json"]["objects"]
PARSERS = {
    "empty_frame": parse_frame,
    "frame": parse_frame,
    "heartbeat": parse_heartbeat,
    "profile": parse_profile,
    "manifest": parse_manifest,
}
HISTORY = simple_history(3)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children),
    max_leaves=6,
)


def members_of(name: str) -> dict:
    return json.loads(OBJECTS[name]["payload"])


def read(name: str, members: object):
    return PARSERS[name](json.dumps(members).encode())


def every_member() -> list[tuple[str, tuple]]:
    """The path of each member of each object, those of the objects in it too."""
    paths = []
    for name in OBJECTS:
        members = members_of(name)
        paths += [(name, (member,)) for member in members]
        paths += [(name, ("tiers", tier)) for tier in members.get("tiers", ())]
        paths += [(name, ("heads", 0, each)) for each in members.get("heads", [()])[0]]
    return paths


def changed(members, path, change) -> object:
    """A copy with the container of the last step of `path` handed to `change`."""
    copy = json.loads(json.dumps(members))
    container = copy
    for step in path[:-1]:
        container = container[step]
    change(container, path[-1])
    return copy


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_read_is_what_was_written(name):
    payload = OBJECTS[name]["payload"].encode()
    assert PARSERS[name](payload).to_payload() == payload
    with_more = members_of(name) | {"colour": "blue", "shapes": [{"round": True}]}
    assert read(name, with_more).to_payload() == payload


@pytest.mark.parametrize(("name", "path"), every_member())
def test_every_member_is_required(name, path):
    lacking = changed(members_of(name), path, lambda container, last: container.pop(last))
    with pytest.raises(FeedRefused):
        read(name, lacking)


@pytest.mark.parametrize(("name", "path"), every_member())
@pytest.mark.parametrize("value", [None, True, -1, 1.5, 2**53, {}, [[]], "ö"])
def test_no_member_takes_a_value_of_another_kind(name, path, value):
    if value == "ö" and path[-1] in {"iss", "audience"}:
        return
    if value == 2**53 and path[-1] == "version":
        return
    altered = changed(
        members_of(name), path, lambda container, last: container.update({last: value})
    )
    with pytest.raises(FeedRefused):
        read(name, altered)


@pytest.mark.parametrize("name", OBJECTS)
def test_another_version_is_refused_as_such(name):
    for version in (0, 2, 2**53):
        with pytest.raises(UnsupportedVersion):
            read(name, {"version": version})


@requirement("G-7")
@pytest.mark.parametrize("name", OBJECTS)
def test_a_member_said_twice_is_refused(name):
    twice = OBJECTS[name]["payload"][:-1] + ',"version":1}'
    with pytest.raises(FeedRefused):
        PARSERS[name](twice.encode())


@given(st.sampled_from(sorted(PARSERS)), st.binary() | JSON_VALUES.map(json.dumps))
def test_arbitrary_bytes_are_refused_and_nothing_else(name, payload):
    payload = payload if isinstance(payload, bytes) else payload.encode()
    with pytest.raises(FeedRefused):
        PARSERS[name](payload)


@given(st.sampled_from(sorted(every_member())), JSON_VALUES)
def test_any_value_in_any_member_is_read_or_refused(named, value):
    name, path = named
    altered = changed(
        members_of(name), path, lambda container, last: container.update({last: value})
    )
    try:
        parsed = read(name, altered)
    except FeedRefused:
        return
    assert PARSERS[name](parsed.to_payload()) == parsed


@pytest.mark.parametrize(
    "change",
    [
        {"first": 1099511627778},
        {"last": 1099511627780},
        {"epoch": 2},
        {"epoch": 0},
        {"epoch": 8192},
        {"first": 2 * 2**40, "last": 2 * 2**40 + 2},
        {"first": 0, "last": 0},
        {"first": 1099511627781, "records": ""},
        {"first": 1099511627777, "last": 1099511627777 + 2**39},
        {"records": "AAAA"},
        {"records": ""},
        {"records": "AAAB="},
        {"chain": "AAAA"},
        {"chain": "ecF3Ws_9781Xq1ZenjWLQHtl9P0iWW9WPLkSC-doCXZ"},
    ],
)
def test_a_frame_whose_parts_do_not_agree_is_refused(change):
    with pytest.raises(FeedRefused):
        read("frame", members_of("frame") | change)


def test_the_first_record_of_an_epoch_has_number_one():
    members = json.loads(HISTORY.frame(1, 1).to_payload())
    packed = HISTORY.frame(1, 1).records
    of_next_epoch = members | {"epoch": 2, "first": 2 * 2**40, "last": 2 * 2**40}
    renumbered = (2 * 2**40).to_bytes(8, "big") + packed[8:]
    with pytest.raises(FeedRefused):
        read("frame", of_next_epoch | {"records": encode_base64url(renumbered)})


@pytest.mark.parametrize("change", [{"epoch": 2}, {"last": 2 * 2**40}, {"chain": "AAAA"}])
def test_a_head_lies_in_its_epoch(change):
    with pytest.raises(FeedRefused):
        read("manifest", members_of("manifest") | change)
    heads = [members_of("heartbeat")["heads"][0] | change]
    with pytest.raises(FeedRefused):
        read("heartbeat", members_of("heartbeat") | {"heads": heads})


def test_records_of_a_frame_follow_each_other():
    packed = HISTORY.frame(1, 3).records
    swapped = packed[RECORD_BYTES : 2 * RECORD_BYTES] + packed[:RECORD_BYTES] + packed[-41:]
    members = json.loads(HISTORY.frame(1, 3).to_payload())
    with pytest.raises(FeedRefused):
        read("frame", members | {"records": encode_base64url(swapped)})


def test_a_frame_is_bounded():
    history = simple_history(MAX_FRAME_RECORDS + 1)
    assert isinstance(parse_frame(history.frame(2, 501).to_payload()), Frame)
    with pytest.raises(FeedRefused):
        parse_frame(history.frame(1, 501).to_payload())


@pytest.mark.parametrize(
    ("at", "value"),
    [(8, 0), (8, 3), (8, 255), (0, 1), (1, 32), (25, 1), (26, 32), (33, 255), (34, 32)],
)
def test_records_of_unknown_types_or_with_numbers_beyond_json_are_refused(at, value):
    packed = bytearray(HISTORY.frame(1, 3).records)
    packed[RECORD_BYTES + at] = value
    with pytest.raises(FeedRefused):
        require_records(bytes(packed))


def test_the_highest_numbers_are_numbers():
    highest = NEVER.to_bytes(8, "big")
    require_records(highest + b"\1" + b"s" * 16 + highest + highest)
    require_records(b"")


@given(st.binary(max_size=200))
def test_records_are_whole_and_known_or_refused(packed):
    try:
        require_records(packed)
    except FeedRefused:
        return
    for start in range(0, len(packed), RECORD_BYTES):
        each = packed[start : start + RECORD_BYTES]
        assert record_from_bytes(each).to_bytes() == each


@given(st.binary(max_size=60))
def test_one_record_is_read_or_refused(data):
    try:
        assert record_from_bytes(data).to_bytes() == data
    except ValueError:
        assert len(data) != RECORD_BYTES or data[8] not in {1, 2}


@pytest.mark.parametrize(
    "change",
    [
        {"tiers": {"fresh": 0, "reduced": 60, "survival": 300}},
        {"tiers": {"fresh": 61, "reduced": 60, "survival": 300}},
        {"tiers": {"fresh": 5, "reduced": 301, "survival": 300}},
        {"tiers": {"fresh": 5, "reduced": 60, "survival": 86_401}},
        {"max_token_lifetime": 0},
        {"max_token_lifetime": 86_401},
        {"leeway": 61},
        {"low_risk_scopes": [1]},
        {"survival_scopes": "status"},
    ],
)
def test_a_profile_that_nobody_could_follow_is_refused(change):
    with pytest.raises(FeedRefused):
        read("profile", members_of("profile") | change)


def test_a_heartbeat_names_no_issuer_twice():
    members = members_of("heartbeat")
    with pytest.raises(FeedRefused):
        read("heartbeat", members | {"heads": members["heads"] + members["heads"][:1]})


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=100))
def test_a_snapshot_is_taken_apart_where_it_was_put_together(manifest, profile, records):
    if b"\n" in manifest + profile:
        return
    body = SnapshotBody(manifest, profile, records)
    assert split_snapshot(body.to_bytes()) == body


@given(st.binary(max_size=100))
def test_a_snapshot_body_without_three_parts_is_refused(body):
    if body.count(b"\n") < 2:
        with pytest.raises(FeedRefused):
            split_snapshot(body)


def test_lines_of_a_snapshot_are_bounded():
    for body in (b"m" * 20_000 + b"\np\n", b"m\n" + b"p" * 20_000 + b"\n"):
        with pytest.raises(FeedRefused):
            split_snapshot(body)
    longest = SnapshotBody(b"m" * 16_384, b"p" * 16_384, b"r" * 3 * RECORD_BYTES)
    assert split_snapshot(longest.to_bytes()) == longest
    assert len(longest.to_bytes()) == largest_body(3)


def test_only_the_manifests_own_records_are_loaded():
    loaded = HISTORY.snapshot(3)
    manifest, packed = loaded.manifest, HISTORY.frame(1, 3).records
    assert len(load_snapshot(manifest, packed, capacity=3).table) == 3
    with pytest.raises(ExceedsCapacity):
        load_snapshot(manifest, packed, capacity=2)
    for altered in (packed[:-1], packed[:-RECORD_BYTES], packed + packed, packed[:-1] + b"\0"):
        with pytest.raises(FeedRefused):
            load_snapshot(manifest, altered, capacity=CAPACITY)


def test_records_of_a_snapshot_ascend_up_to_its_last_number():
    packed = HISTORY.frame(1, 3).records
    twice = packed + packed[-RECORD_BYTES:]
    descending = packed[RECORD_BYTES:] + packed[:RECORD_BYTES]
    for wrong, last in ((twice, 3), (descending, 3), (packed, 2)):
        members = json.loads(HISTORY.snapshot(last).manifest.to_payload()) | {
            "count": len(wrong) // RECORD_BYTES,
            "sha256": encode_base64url(sha256(wrong).digest()),
            "closed": NOW,
        }
        with pytest.raises(FeedRefused):
            load_snapshot(read("manifest", members), wrong, capacity=CAPACITY)
