"""What a token carries, it can be revoked by."""

import json

import pytest

from support.requirement import requirement
from support.taking_part import ISSUER, ORDERS_URI
from tokenry.protocol.access_token import (
    AccessTokenClaims,
    Confirmation,
    TokenSelectors,
    decode_claims,
    encode_claims,
)
from tokenry.protocol.reference_token import (
    is_reference_token,
    reference_digest,
    reference_token,
)
from tokenry.vocabulary.selectors import SelectorKind, selector

CLAIMS = AccessTokenClaims(
    iss=ISSUER,
    sub="user",
    aud=ORDERS_URI,
    client_id="shop",
    scope="orders.read",
    iat=100,
    exp=400,
    jti="the-jti",
    grant="the-grant",
    rsn=(1 << 40) + 7,
)
BOUND = AccessTokenClaims(
    **{name: getattr(CLAIMS, name) for name in CLAIMS.__struct_fields__}
    | {
        "sid": "the-session",
        "device": "the-device",
        "cnf": Confirmation(jkt="the-key", certificate="the-certificate"),
    }
)


@requirement("R-01", "RFC 9068 §2.2")
def test_a_payload_has_every_required_claim_and_nothing_absent():
    assert json.loads(encode_claims(CLAIMS)) == {
        "iss": ISSUER,
        "sub": "user",
        "aud": ORDERS_URI,
        "client_id": "shop",
        "scope": "orders.read",
        "iat": 100,
        "exp": 400,
        "jti": "the-jti",
        "grant": "the-grant",
        "rsn": (1 << 40) + 7,
    }


@requirement("RFC 8705 §3.1")
def test_a_confirmation_uses_the_registered_names():
    assert json.loads(encode_claims(BOUND))["cnf"] == {
        "jkt": "the-key",
        "x5t#S256": "the-certificate",
    }


@pytest.mark.parametrize("claims", [CLAIMS, BOUND])
def test_a_payload_is_read_back(claims):
    assert decode_claims(encode_claims(claims)) == claims


@requirement("G-1", "R-30")
def test_a_token_has_a_selector_of_every_kind_it_carries():
    plain = {
        (SelectorKind.JTI, "the-jti"),
        (SelectorKind.GRANT, "the-grant"),
        (SelectorKind.SUBJECT, "user"),
        (SelectorKind.CLIENT, "shop"),
        (SelectorKind.AUDIENCE, ORDERS_URI),
        (SelectorKind.ISSUER, ISSUER),
    }
    more = {
        (SelectorKind.SESSION, "the-session"),
        (SelectorKind.DEVICE, "the-device"),
        (SelectorKind.CONFIRMATION, "the-key"),
        (SelectorKind.CONFIRMATION, "the-certificate"),
    }
    make = TokenSelectors(ISSUER)
    assert make.of(CLAIMS) == {selector(ISSUER, kind, id_) for kind, id_ in plain}
    assert make.of(BOUND) == {selector(ISSUER, kind, id_) for kind, id_ in plain | more}


@requirement("G-1")
def test_what_is_tested_at_issuance_is_all_but_the_fresh_ids():
    make = TokenSelectors(ISSUER)
    standing = make.standing(client="shop", subject="user", audience=ORDERS_URI)
    fresh = {
        selector(ISSUER, SelectorKind.JTI, "the-jti"),
        selector(ISSUER, SelectorKind.GRANT, "the-grant"),
    }
    assert make.of(CLAIMS) == standing | fresh
    assert not standing & fresh


def test_a_reference_token_carries_all_its_randomness_and_only_its_digest_is_kept():
    one, other = reference_token(bytes(31) + b"\1"), reference_token(bytes(31) + b"\2")
    assert is_reference_token(one)
    assert len(one) == 4 + 43
    assert len(reference_digest(one)) == 32
    assert reference_digest(one) != reference_digest(other)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_reference_token_needs_256_bits(size):
    with pytest.raises(ValueError, match="32 bytes"):
        reference_token(bytes(size))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tkr_",
        "tkr_" + "a" * 42,
        "tkr_" + "a" * 44,
        "tkr_" + "a" * 42 + "=",
        "TKR_" + "a" * 43,
        "tkr_" + "a" * 43 + "\n",
        "a.b.c",
    ],
)
def test_nothing_else_has_the_form_of_a_reference(text):
    assert not is_reference_token(text)
