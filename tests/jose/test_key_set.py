"""JWK sets: bad keys stay out and take no good one with them; a kid means one key."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose import (
    Algorithm,
    DeprecatedName,
    KeyFault,
    KeyRefused,
    KeySet,
    KeySetRefused,
    PrivateKey,
    parse_public_jwk,
)
from tokenry.jose.key_set import MAX_JWKS_BYTES, MAX_KEYS

FIRST, SECOND = (PrivateKey.generate(Algorithm.ES256).public for _ in range(2))
ED = PrivateKey.generate(Algorithm.ED25519).public


def jwks(*entries):
    return json.dumps({"keys": list(entries)}).encode()


def test_a_published_set_is_read_back(keys):
    published = KeySet.of(key.public for key in keys.values())
    read = KeySet.from_jwks(msgspec.json.encode(published.to_jwks()))
    assert [key.thumbprint for key in read.keys] == [key.thumbprint for key in published.keys]
    assert read.ignored == ()
    for key in published.keys:
        assert read.find(key.kid).is_same_key(key)


@requirement("RFC 7517 §5")
def test_keys_that_cannot_be_used_are_left_out_with_their_fault():
    key_set = KeySet.from_jwks(
        jwks(
            {"kty": "oct", "alg": "HS256"},
            FIRST.to_jwk() | {"use": "enc"},
            FIRST.to_jwk() | {"alg": "ES256K"},
            FIRST.to_jwk() | {"y": SECOND.to_jwk()["y"]},
            FIRST.to_jwk() | {"d": "AAAA"},
            {name: value for name, value in FIRST.to_jwk().items() if name != "alg"},
            SECOND.to_jwk(),
        )
    )
    assert [key.thumbprint for key in key_set.keys] == [SECOND.thumbprint]
    assert key_set.ignored == (
        KeyFault.UNSUPPORTED,
        KeyFault.UNSUPPORTED,
        KeyFault.UNSUPPORTED,
        KeyFault.MALFORMED,
        KeyFault.PRIVATE,
        KeyFault.UNPINNED,
    )


def test_the_callers_pin_is_only_for_keys_that_name_no_algorithm():
    bare = {name: value for name, value in FIRST.to_jwk().items() if name != "alg"}
    key_set = KeySet.from_jwks(jwks(bare, ED.to_jwk()), algorithm_if_absent=Algorithm.ES256)
    assert [key.algorithm for key in key_set.keys] == [Algorithm.ES256, Algorithm.ED25519]


@requirement("RFC 9864 §2.2")
def test_the_old_name_of_ed25519_is_read_only_where_that_is_asked_for():
    document = jwks(ED.to_jwk() | {"alg": "EdDSA"})
    assert KeySet.from_jwks(document).keys == ()
    read = KeySet.from_jwks(document, deprecated_name=DeprecatedName.EDDSA)
    assert read.find(ED.kid).algorithm_names == {"Ed25519", "EdDSA"}


@requirement("RFC 7517 §4.5")
def test_one_kid_for_two_keys_refuses_the_set():
    with pytest.raises(KeySetRefused):
        KeySet.from_jwks(jwks(FIRST.to_jwk(), SECOND.to_jwk() | {"kid": FIRST.kid}))
    with pytest.raises(KeySetRefused):
        KeySet.of([FIRST, msgspec.structs.replace(SECOND, kid=FIRST.kid)])


def test_one_rsa_key_for_two_algorithms_is_two_keys(keys):
    jwk = keys[Algorithm.RS256].public.to_jwk()
    with pytest.raises(KeySetRefused):
        KeySet.from_jwks(jwks(jwk, jwk | {"alg": "PS256"}))


def test_the_same_key_twice_is_kept_once():
    assert len(KeySet.from_jwks(jwks(FIRST.to_jwk(), FIRST.to_jwk())).keys) == 1


def test_a_kid_is_looked_up_exactly_and_an_absent_one_only_in_a_set_of_one():
    key_set = KeySet.of([FIRST, SECOND])
    assert key_set.find(FIRST.kid) is FIRST
    assert key_set.find(FIRST.kid.swapcase()) is None
    assert key_set.find("../../../etc/passwd") is None
    assert key_set.find("") is None
    assert key_set.find(None) is None
    assert KeySet.of([FIRST]).find(None) is FIRST
    nameless = parse_public_jwk({**FIRST.members, "alg": "ES256"})
    assert KeySet.of([nameless]).find(FIRST.kid) is None
    assert KeySet.of([nameless]).find(None) is nameless


@requirement("G-8")
@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":null}',
        b'{"keys":{}}',
        b'{"keys":["a"]}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[{"kty":"EC","kty":"EC"}]}',
        jwks(*[{"kty": "oct"}] * (MAX_KEYS + 1)),
        b'{"keys":[],"padding":"' + b"a" * MAX_JWKS_BYTES + b'"}',
    ],
    ids=lambda document: repr(document[:24]),
)
def test_what_is_no_bounded_set_is_refused(document):
    with pytest.raises(KeySetRefused):
        KeySet.from_jwks(document)


def test_a_set_made_of_too_many_keys_is_refused():
    many = [msgspec.structs.replace(FIRST, kid=f"k{n}") for n in range(MAX_KEYS + 1)]
    assert len(KeySet.of(many[:-1]).keys) == MAX_KEYS
    with pytest.raises(KeySetRefused):
        KeySet.of(many)


@given(
    st.binary(max_size=40)
    | st.builds(
        lambda key, name, value: jwks(key | {name: value}),
        st.sampled_from([FIRST.to_jwk(), ED.to_jwk()]),
        st.sampled_from(["kty", "crv", "x", "y", "alg", "kid", "use", "key_ops"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.text()),
    )
)
def test_arbitrary_documents_give_a_set_or_the_declared_refusal(document):
    try:
        key_set = KeySet.from_jwks(document)
    except KeySetRefused:
        return
    except KeyRefused:
        pytest.fail("a bad key must be left out, not refuse the set")
    assert len(key_set.keys) + len(key_set.ignored) == len(json.loads(document)["keys"])
