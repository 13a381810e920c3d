"""Headers and types: what they may say, and that remembering them changes nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose import (
    UNSAFE_ANY_TYPE,
    Algorithm,
    Header,
    HeaderCache,
    JwsRefused,
    base64url,
    header_segment,
    one_of,
)
from tokenry.jose.header import parse_header
from tokenry.jose.media_type import is_expected, normal_media_type

SEGMENT = header_segment(Algorithm.ES256, "kid-1", "at+jwt")


def segment_of(**members):
    return base64url.encode(json.dumps(members).encode())


def test_a_header_says_what_was_put_into_it():
    assert json.loads(base64url.decode(SEGMENT)) == {
        "alg": "ES256",
        "kid": "kid-1",
        "typ": "at+jwt",
    }
    assert parse_header(SEGMENT) == Header("ES256", "kid-1", "at+jwt", "at+jwt", None)


@requirement("RFC 9449 §4.2")
def test_an_embedded_key_is_carried_unread():
    jwk = {"kty": "EC", "anything": [1]}
    segment = header_segment(Algorithm.ES256, None, "dpop+jwt", jwk=jwk)
    assert parse_header(segment) == Header("ES256", None, "dpop+jwt", "dpop+jwt", jwk)


@requirement("RFC 7515 §4")
def test_members_without_a_meaning_here_are_ignored():
    segment = segment_of(alg="ES256", typ="a", cty="x", x5c=["y"], nonce={"deep": [1]})
    assert parse_header(segment) == Header("ES256", None, "a", "a", None)


@requirement("RFC 7515 §4.1.9")
@pytest.mark.parametrize(
    ("typ", "expected", "accepted"),
    [
        ("at+jwt", "at+jwt", True),
        ("AT+JWT", "at+jwt", True),
        ("at+jwt", "At+Jwt", True),
        ("application/at+jwt", "at+jwt", True),
        ("Application/AT+jwt", "at+jwt", True),
        ("at+jwt", "application/at+jwt", True),
        ("text/at+jwt", "at+jwt", False),
        ("application/application/at+jwt", "at+jwt", False),
        ('application/at+jwt;a="b/c"', 'at+jwt;a="b/c"', False),
        ("at+jwt ", "at+jwt", False),
        ("jwt", "at+jwt", False),
        ("dpop+jwt", "at+jwt", False),
        (None, "at+jwt", False),
        ("JWT", one_of("client-authentication+jwt", "JWT"), True),
        ("application/JWT", one_of("client-authentication+jwt", "JWT"), True),
        ("at+jwt", one_of("client-authentication+jwt", "JWT", or_absent=True), False),
        (None, one_of("JWT"), False),
        (None, one_of("JWT", or_absent=True), True),
        ("anything", UNSAFE_ANY_TYPE, True),
        (None, UNSAFE_ANY_TYPE, True),
    ],
)
def test_types_are_compared_as_media_types(typ, expected, accepted):
    header = parse_header(segment_of(alg="ES256", **({} if typ is None else {"typ": typ})))
    assert is_expected(header.media_type, expected) is accepted


@given(st.text(alphabet="aAbB/+;", max_size=20))
def test_a_normal_form_is_final_unless_it_would_swallow_a_second_prefix(name):
    normal = normal_media_type(name)
    assert normal_media_type(normal) == normal


@requirement("G-8")
def test_a_cache_gives_what_parsing_gives_and_stays_small():
    cache = HeaderCache(capacity=4)
    for n in range(50):
        segment = header_segment(Algorithm.ES256, f"kid-{n % 7}", "at+jwt")
        assert cache.parse(segment) == parse_header(segment)
        assert cache.parse(segment) is cache.parse(segment)
        assert len(cache) <= 4


def test_a_cache_keeps_no_embedded_keys_no_long_headers_and_no_refusals():
    cache = HeaderCache()
    cache.parse(header_segment(Algorithm.ES256, None, "dpop+jwt", jwk={"kty": "EC"}))
    cache.parse(header_segment(Algorithm.ES256, "k" * 500, "at+jwt"))
    for _ in range(2):
        with pytest.raises(JwsRefused):
            cache.parse(segment_of(alg="none", typ="at+jwt"))
    assert len(cache) == 0


@given(
    st.binary(max_size=50)
    | st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "jwk", "crit", "b64", "cty"]),
        st.sampled_from(["ES256", "at+jwt", "none"])
        | st.none()
        | st.integers()
        | st.text(max_size=8)
        | st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
    ).map(lambda members: base64url.encode(json.dumps(members).encode()))
)
def test_arbitrary_segments_give_a_header_or_the_declared_refusal(segment):
    try:
        header = parse_header(segment)
    except JwsRefused:
        return
    assert header.alg in {*Algorithm, "EdDSA"}
    assert header.typ is None or header.typ.isascii()
