"""parse_object against the standard library's parser, which can be told to refuse duplicates."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose import MalformedJson, parse_object

names = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=5)


def refusing_duplicates(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate")
    return members


def refusing_constants(name):
    raise ValueError(name)


def oracle(data: bytes):
    """Parse with the standard library, strictly. Raises ValueError."""
    value = json.loads(
        data.decode("utf-8"),
        object_pairs_hook=refusing_duplicates,
        parse_constant=refusing_constants,
    )
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - as the parser itself says it
    return value


@given(objects, st.booleans(), st.sampled_from([None, 1]))
def test_every_object_without_duplicates_is_read_as_others_read_it(value, ascii_only, indent):
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse_object(data) == value


@requirement("G-7", "RFC 7515 §4")
@given(objects, names, scalars, scalars, st.lists(st.sampled_from(["object", "array"]), max_size=4))
def test_a_duplicate_is_found_at_every_depth_and_in_every_spelling(
    around, name, first, second, nesting
):
    plain = json.dumps(name, ensure_ascii=False)
    escaped = '"' + "".join(rf"\u{unit:04x}" for unit in utf16_units(name)) + '"'
    twice = f"{{{plain}:{json.dumps(first)},{escaped}:{json.dumps(second)}}}"
    for container in nesting:
        twice = f"[{twice}]" if container == "array" else f'{{"in":{twice}}}'
    around.pop("here", None)
    rest = json.dumps(around, ensure_ascii=False)[1:-1]
    document = f'{{{rest}{", " if rest else ""}"here":{twice}}}'
    assert json.loads(document) is not None
    with pytest.raises(MalformedJson):
        parse_object(document.encode())


def utf16_units(text):
    encoded = text.encode("utf-16-be")
    return [int.from_bytes(encoded[i : i + 2], "big") for i in range(0, len(encoded), 2)]


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b'"a"', b'"b"', b"1", b"\\u0061"]
        ),
        max_size=20,
    ).map(b"".join)
)
def test_arbitrary_bytes_are_refused_or_read_as_the_strict_oracle_reads_them(data):
    try:
        members = parse_object(data)
    except MalformedJson:
        return
    assert members == oracle(data)


@requirement("G-7", "G-8")
@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        rb'{"a":1,"\u0061":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":"x","b":"y"}]}',
        rb'{"a":"\\\"","a":"\\"}',
        b"",
        b"null",
        b"[]",
        b'"a"',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":01}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1}{"a":1}',
        b'{"a":1}\0',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"\xc0\xaf":1}',
        rb'{"a":"\ud800"}',
        b'{"a":"\x00"}',
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 100_000,
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_two_readers_could_read_differently_is_refused(data):
    with pytest.raises(MalformedJson) as refused:
        parse_object(data)
    assert refused.value.__cause__ is None


def test_nesting_is_bounded_by_the_caller_exactly():
    assert parse_object(b'{"a":{"b":[1]}}', max_depth=3) == {"a": {"b": [1]}}
    with pytest.raises(MalformedJson):
        parse_object(b'{"a":{"b":[1]}}', max_depth=2)


def test_escaped_quotation_marks_are_not_taken_for_strings():
    data = rb'{"a":"\"\"\"\"","b\\":"\\\\","\\\"c":["\"",{"d":"\u0022"}]}'
    assert parse_object(data) == json.loads(data)


def test_numbers_keep_their_value():
    members = parse_object(b'{"a":9007199254740993,"b":1.5,"c":123456789012345678901234567890}')
    assert members == {"a": 9007199254740993, "b": 1.5, "c": 123456789012345678901234567890}
    assert math.copysign(1, parse_object(b'{"a":-0.0}')["a"]) == -1
