"""Basic credentials are read as OAuth encodes them, or refused."""

from base64 import b64encode
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.vocabulary.errors import InvalidClient
from tokenry.web.basic_auth import parse_basic

PRINTABLE = st.text(st.characters(codec="utf-8").filter(str.isprintable), min_size=1, max_size=20)


def basic(text, scheme=b"Basic "):
    return scheme + b64encode(text if isinstance(text, bytes) else text.encode())


def test_no_header_is_no_credentials():
    assert parse_basic(None) is None


@requirement("RFC 6749 §2.3.1", "RFC 7617 §2")
@pytest.mark.parametrize(
    ("text", "name", "secret"),
    [
        ("shop:secret", "shop", "secret"),
        ("shop:with:colons", "shop", "with:colons"),
        ("a%3Ab:c%2Bd+e", "a:b", "c+d e"),
        ("caf%C3%A9:x", "café", "x"),
        ("shop:a_b-c.d~e", "shop", "a_b-c.d~e"),
    ],
)
def test_credentials_are_form_decoded(text, name, secret):
    assert parse_basic(basic(text)) == (name, secret)


@pytest.mark.parametrize("scheme", [b"basic ", b"BASIC ", b"Basic   "])
def test_the_scheme_has_no_case(scheme):
    assert parse_basic(basic("shop:secret", scheme)) == ("shop", "secret")


@requirement("RFC 6749 §5.2")
@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Bearer abc",
        b"Digest username=shop",
        b"BasicX " + b64encode(b"shop:secret"),
        b"Basic shop:secret",
        b"Basic %%%%",
        b"Basic " + b64encode(b"shop:secret").rstrip(b"="),
        b"Basic " + b64encode(b"shop:secret") + b"=",
        b"Basic " + b64encode(b"shop:secret") + b", Basic eDp5",
        b"Basic YTpi\nYTpi",
        basic("no colon"),
        basic(":secret"),
        basic("shop:"),
        basic("shop:%"),
        basic("shop:%zz"),
        basic("shop:%ff"),
        basic("shop:%00"),
        basic("sh\0op:secret"),
        basic("shop:sec\nret"),
        basic(b"caf\xc3\xa9:secret"),
        b"Basic \xff\xfe",
    ],
)
def test_what_is_not_well_formed_is_an_invalid_client(header):
    with pytest.raises(InvalidClient):
        parse_basic(header)


@requirement("RFC 6749 §2.3.1")
@given(PRINTABLE, PRINTABLE)
def test_every_pair_that_others_encode_is_read_back(name, secret):
    text = f"{quote_plus(name)}:{quote_plus(secret)}"
    assert parse_basic(basic(text)) == (name, secret)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(basic))
def test_any_bytes_are_credentials_or_refused(header):
    try:
        credentials = parse_basic(header)
    except InvalidClient:
        return
    assert credentials.name
    assert (credentials.name + credentials.secret).isprintable()
