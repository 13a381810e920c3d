"""The codec against the standard library, and the spellings that the library would let pass."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose import base64url


@given(st.binary(max_size=200))
def test_encoding_is_the_standard_librarys_without_padding(data):
    encoded = base64.urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.encode(data) == encoded
    assert base64url.decode(encoded) == data


@given(st.binary(max_size=12) | st.text(alphabet="AQgw-_+/=. \n\"'\\", max_size=9))
def test_what_decodes_is_the_one_spelling_of_its_value(segment):
    segment = segment.encode() if isinstance(segment, str) else segment
    try:
        data = base64url.decode(segment)
    except ValueError:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=") == segment


@requirement("RFC 4648 §3.5")
@pytest.mark.parametrize("length", [2, 3])
def test_of_the_last_characters_exactly_those_without_stray_bits_are_taken(length):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    taken = set()
    for last in alphabet:
        segment = ("A" * (length - 1) + last).encode()
        with contextlib.suppress(ValueError):
            base64url.decode(segment)
            taken.add(segment)
    assert len(taken) == {2: 4, 3: 16}[length]
    assert all(base64url.encode(base64url.decode(segment)) == segment for segment in taken)


@requirement("RFC 7515 §2", "RFC 4648 §3.5")
@pytest.mark.parametrize(
    "segment",
    [
        *(b"A", b"AAAAA", b"AA==", b"AAA=", b"====", b"AB", b"AAB", b"A A", b"AA\n", b"AA\0"),
        *(b"+/+/", b"A\\/A", b'AA"A', b"AAAA=AAA", b"\xc3\xa9AA", b"!!!!", b"AA.A"),
    ],
)
def test_other_spellings_are_refused(segment):
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(segment)
