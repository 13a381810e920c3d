"""A client assertion proves its client to this issuer alone, now, and once."""

import msgspec
import pytest

from support.assertions import assertion_claims, jwks, signed
from support.requirement import requirement
from support.taking_part import ISSUER, client
from tokenry.jose import Algorithm, PrivateKey
from tokenry.protocol.client_assertion import (
    LEEWAY,
    read_assertion,
    registered_keys,
    replay_key,
)
from tokenry.protocol.client_auth import authenticate_client, present_client
from tokenry.vocabulary.bounds import MAX_ASSERTION_LIFETIME
from tokenry.vocabulary.claims import JWT_BEARER_ASSERTION
from tokenry.vocabulary.errors import InvalidClient, InvalidRequest

NOW = 1_700_000_000_000
SECONDS = NOW // 1000
KEY = PrivateKey.generate(Algorithm.ES256)
SECOND_KEY = PrivateKey.generate(Algorithm.ED25519)
STRANGERS_KEY = PrivateKey.generate(Algorithm.ES256)
REGISTERED = client(auth="private_key_jwt", secrets=(), jwks=jwks(KEY, SECOND_KEY))


def good(**changes):
    return signed(KEY, assertion_claims(now=NOW, **changes))


def proven(assertion, registered=REGISTERED, now=NOW, **form):
    presented = present_client(
        None,
        {"client_assertion": assertion, "client_assertion_type": JWT_BEARER_ASSERTION, **form},
    )
    keys = registered_keys(registered.jwks) if registered and registered.jwks else None
    return authenticate_client(presented, registered, keys=keys, issuer=ISSUER, now=now)


@requirement("RFC 7523 §3")
@pytest.mark.parametrize("key", [KEY, SECOND_KEY])
@pytest.mark.parametrize("typ", [None, "JWT", "client-authentication+jwt"])
def test_any_registered_key_proves_the_client(key, typ):
    assertion = signed(key, assertion_claims(now=NOW), typ=typ)
    assert proven(assertion).client is REGISTERED


@requirement("RFC 7521 §4.2")
def test_a_client_id_beside_it_must_agree():
    assert proven(good(), client_id="shop")
    with pytest.raises(InvalidRequest):
        proven(good(), client_id="another")


@requirement("G-2")
def test_its_use_is_remembered_for_longer_than_anyone_accepts_it():
    use = proven(good()).assertion
    assert use.key == replay_key("shop", "an-assertion")
    assert len(use.key) == 16
    last_accepted = (SECONDS + 60 + LEEWAY) * 1000
    assert use.until >= last_accepted + LEEWAY * 1000


@requirement("G-2")
def test_another_client_or_another_jti_is_another_use():
    uses = {replay_key(*pair) for pair in [("a", "bc"), ("ab", "c"), ("a", "b"), ("b", "a")]}
    assert len(uses) == 4


@requirement("G-2")
@pytest.mark.parametrize(
    ("exp", "accepted"),
    [
        (SECONDS + MAX_ASSERTION_LIFETIME + LEEWAY, True),
        (SECONDS + MAX_ASSERTION_LIFETIME + LEEWAY + 1, False),
        (SECONDS - LEEWAY + 1, True),
        (SECONDS - LEEWAY, False),
        (SECONDS + 30.5, True),
    ],
)
def test_it_is_accepted_within_its_window_alone(exp, accepted):
    if accepted:
        assert proven(good(exp=exp))
    else:
        with pytest.raises(InvalidClient):
            proven(good(exp=exp))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_clock_may_be_ahead_by_the_leeway(claim):
    assert proven(good(**{claim: SECONDS + LEEWAY}))
    with pytest.raises(InvalidClient):
        proven(good(**{claim: SECONDS + LEEWAY + 1}))


def test_iat_is_optional():
    assert proven(good(iat=None))


@requirement("RFC 7523 §3", "G-7")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None},
        {"aud": [ISSUER]},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": f"{ISSUER}/token"},
        {"aud": f"{ISSUER}/"},
        {"aud": "https://auth.exampl"},
        {"aud": ISSUER.upper()},
        {"aud": {"any": ISSUER}},
        {"iss": None},
        {"iss": "another"},
        {"iss": ["shop"]},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 513},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 513},
        {"exp": None},
        {"exp": True},
        {"exp": str(SECONDS + 60)},
        {"exp": -1},
        {"exp": 1e300},
        {"exp": 10**40},
        {"nbf": "soon"},
        {"iat": {}},
    ],
)
def test_claims_that_are_not_exactly_right_are_refused(changes):
    with pytest.raises(InvalidClient):
        proven(good(**changes))


def none_algorithm():
    header = b"eyJhbGciOiJub25lIn0"
    payload = good().split(".")[1]
    return f"{header.decode()}.{payload}."


def repeated_member():
    claims = msgspec.json.encode(assertion_claims(now=NOW))
    return signed(KEY, claims[:-1] + b',"aud":"https://other.example"}')


def tampered():
    head, _, signature = good().split(".")
    other = good(jti="another").split(".")[1]
    return ".".join([head, other, signature])


@requirement("RFC 7523 §3", "RFC 8725 §3.1", "G-7")
@pytest.mark.parametrize(
    "assertion",
    [
        "",
        "x",
        "a.b.c",
        good()[:-4],
        good() + ".more",
        "a" * 10_000,
        none_algorithm(),
        repeated_member(),
        tampered(),
        signed(STRANGERS_KEY, assertion_claims(now=NOW)),
        signed(STRANGERS_KEY, assertion_claims(now=NOW), kid=KEY.public.kid),
        signed(SECOND_KEY, assertion_claims(now=NOW), kid=KEY.public.kid),
        signed(KEY, assertion_claims(now=NOW), kid="../../etc/passwd"),
        signed(KEY, assertion_claims(now=NOW), kid=None),
        signed(KEY, assertion_claims(now=NOW), alg="HS256"),
        signed(KEY, assertion_claims(now=NOW), alg="ES384"),
        signed(KEY, assertion_claims(now=NOW), typ="at+jwt"),
        signed(KEY, assertion_claims(now=NOW), typ="dpop+jwt"),
        signed(KEY, b"[]"),
        signed(KEY, b"not json"),
    ],
)
def test_what_no_registered_key_has_made_is_refused(assertion):
    with pytest.raises(InvalidClient):
        proven(assertion)


def test_a_client_with_one_key_need_not_name_it():
    one = client(auth="private_key_jwt", secrets=(), jwks=jwks(KEY))
    assert proven(signed(KEY, assertion_claims(now=NOW), kid=None), one)


@requirement("RFC 6749 §5.2")
@pytest.mark.parametrize(
    "registered",
    [
        None,
        client(),
        client(jwks=jwks(KEY)),
        client(auth="private_key_jwt"),
        client(auth="private_key_jwt", jwks=b'{"keys":[]}'),
    ],
)
def test_a_client_that_is_not_registered_for_it_is_refused(registered):
    with pytest.raises(InvalidClient) as refused:
        proven(good(), registered)
    assert refused.value.description == InvalidClient.default_description


def test_registered_keys_that_cannot_be_read_refuse_the_client():
    with pytest.raises(InvalidClient):
        registered_keys(b"not a key set")


def test_reading_proves_nothing():
    presented = read_assertion(signed(STRANGERS_KEY, assertion_claims(now=NOW)))
    assert presented.client_id == "shop"
