"""Public keys: what is read, what is refused, and that one key has one name."""

import base64
import contextlib

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose import (
    Algorithm,
    DeprecatedName,
    JwsRefused,
    KeyFault,
    KeyRefused,
    PrivateKey,
    RefusalReason,
    parse_compact,
    parse_public_jwk,
    sign_compact,
)
from tokenry.jose.jwk import thumbprint_of


def number(value):
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


EC = PrivateKey.generate(Algorithm.ES256).public.to_jwk()
OTHER_EC = PrivateKey.generate(Algorithm.ES256).public.to_jwk()
P384 = PrivateKey.generate(Algorithm.ES384).public.to_jwk()
ED = PrivateKey.generate(Algorithm.ED25519).public.to_jwk()
AKP = PrivateKey.generate(Algorithm.ML_DSA_44).public.to_jwk()
_NUMBERS = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
RSA = {"kty": "RSA", "alg": "RS256", "n": number(_NUMBERS.n), "e": "AQAB"}
_SMALL = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
UNSUPPORTED, MALFORMED = KeyFault.UNSUPPORTED, KeyFault.MALFORMED
PRIVATE, CONFLICT = KeyFault.PRIVATE, KeyFault.CONFLICT


def without(jwk, *names):
    return {name: value for name, value in jwk.items() if name not in names}


def test_a_key_survives_its_jwk_and_keeps_its_thumbprint(key):
    read = parse_public_jwk(key.public.to_jwk())
    assert read.is_same_key(key.public)
    assert (read.kid, read.to_jwk()) == (key.public.kid, key.public.to_jwk())
    assert read.verify(key.sign(b"content"), b"content")
    assert not read.verify(key.sign(b"content"), b"other content")


@requirement("RFC 7638 §3")
def test_the_thumbprint_is_of_the_key_and_not_of_how_it_was_written():
    shuffled = dict(reversed(EC.items())) | {"kid": "another", "x5c": ["ignored"], "more": 1}
    assert parse_public_jwk(shuffled).thumbprint == parse_public_jwk(EC).thumbprint
    assert parse_public_jwk(OTHER_EC).thumbprint != parse_public_jwk(EC).thumbprint
    backwards = dict(reversed(parse_public_jwk(EC).members.items()))
    assert thumbprint_of(backwards) == parse_public_jwk(EC).thumbprint


@requirement("RFC 8725 §3.1", "G-7")
def test_a_key_without_alg_must_be_pinned_by_the_caller():
    bare = without(EC, "alg")
    with pytest.raises(KeyRefused) as refused:
        parse_public_jwk(bare)
    assert refused.value.fault is KeyFault.UNPINNED
    assert parse_public_jwk(bare, algorithm=Algorithm.ES256).algorithm is Algorithm.ES256


@requirement("RFC 9864 §2.2")
def test_a_jwk_with_the_old_name_of_ed25519_is_read_only_where_that_is_asked_for():
    old = ED | {"alg": "EdDSA"}
    with pytest.raises(KeyRefused):
        parse_public_jwk(old)
    read = parse_public_jwk(old, deprecated_name=DeprecatedName.EDDSA)
    assert read.algorithm is Algorithm.ED25519
    assert read.to_jwk()["alg"] == "Ed25519"
    with pytest.raises(KeyRefused):
        parse_public_jwk(EC | {"alg": "EdDSA"}, deprecated_name=DeprecatedName.EDDSA)


@requirement("RFC 8725 §3.1")
def test_the_old_name_opens_no_other_key():
    es256 = PrivateKey.generate(Algorithm.ES256)
    read = parse_public_jwk(es256.public.to_jwk(), deprecated_name=DeprecatedName.EDDSA)
    assert read.algorithm_names == {"ES256"}


@requirement("G-7", "RFC 7517 §4", "RFC 7518 §6", "RFC 8037 §2", "RFC 9964 §3")
@pytest.mark.parametrize(
    ("jwk", "fault"),
    [
        # Kinds and algorithms.
        ({}, UNSUPPORTED),
        ({"kty": "oct"}, UNSUPPORTED),
        ({"kty": "ec"} | without(EC, "kty"), UNSUPPORTED),
        (EC | {"kty": ["EC"]}, UNSUPPORTED),
        (EC | {"kty": None}, UNSUPPORTED),
        (EC | {"alg": "ES256K"}, UNSUPPORTED),
        (EC | {"alg": "es256"}, UNSUPPORTED),
        (EC | {"alg": "HS256"}, UNSUPPORTED),
        (EC | {"alg": "none"}, UNSUPPORTED),
        (EC | {"alg": None}, UNSUPPORTED),
        (EC | {"alg": ["ES256"]}, UNSUPPORTED),
        (EC | {"alg": "ES384"}, CONFLICT),
        (EC | {"alg": "RS256"}, CONFLICT),
        (EC | {"crv": "P-384"}, CONFLICT),
        (EC | {"crv": "p-256"}, CONFLICT),
        (EC | {"crv": ["P-256"]}, CONFLICT),
        (without(EC, "crv"), CONFLICT),
        (ED | {"crv": "X25519"}, CONFLICT),
        (ED | {"crv": "Ed448"}, CONFLICT),
        # Private members, under any kind.
        (EC | {"d": EC["x"]}, PRIVATE),
        (ED | {"d": ED["x"]}, PRIVATE),
        (RSA | {"p": "AQAB"}, PRIVATE),
        (RSA | {"oth": []}, PRIVATE),
        (AKP | {"priv": ED["x"]}, PRIVATE),
        (EC | {"k": None}, PRIVATE),
        ({"kty": "oct", "k": "AAAA"}, PRIVATE),
        # What it is for.
        (EC | {"use": "enc"}, UNSUPPORTED),
        (EC | {"use": "SIG"}, UNSUPPORTED),
        (EC | {"use": None}, MALFORMED),
        (EC | {"key_ops": ["sign"]}, UNSUPPORTED),
        (EC | {"key_ops": []}, UNSUPPORTED),
        (EC | {"key_ops": "verify"}, MALFORMED),
        (EC | {"key_ops": [["verify"]]}, MALFORMED),
        (EC | {"key_ops": ["verify", "verify"]}, MALFORMED),
        (EC | {"key_ops": ["verify", "decrypt"]}, CONFLICT),
        # Names.
        (EC | {"kid": 1}, MALFORMED),
        (EC | {"kid": ""}, MALFORMED),
        (EC | {"kid": "k" * 513}, MALFORMED),
        # Curve points.
        (EC | {"y": OTHER_EC["y"]}, MALFORMED),
        (EC | {"x": octets(bytes(32)), "y": octets(bytes(32))}, MALFORMED),
        (EC | {"x": octets(b"\xff" * 32)}, MALFORMED),
        (EC | {"x": P384["x"]}, MALFORMED),
        (EC | {"x": EC["x"][:-2]}, MALFORMED),
        (EC | {"x": octets(b"\0" + base64.urlsafe_b64decode(EC["x"] + "="))}, MALFORMED),
        (EC | {"x": EC["x"] + "="}, MALFORMED),
        (EC | {"x": "\u212a" + EC["x"][1:]}, MALFORMED),
        (EC | {"x": 7}, MALFORMED),
        (without(EC, "y"), MALFORMED),
        (P384 | {"y": P384["x"]}, MALFORMED),
        (ED | {"x": octets(bytes(32))}, MALFORMED),
        (ED | {"x": octets(b"\x01" + bytes(31))}, MALFORMED),
        (ED | {"x": octets(b"\xff" * 32)}, MALFORMED),
        (ED | {"x": ED["x"][:-4]}, MALFORMED),
        # RSA numbers.
        (RSA | {"n": number(_SMALL.n)}, UNSUPPORTED),
        (RSA | {"n": number((1 << 8193) + 1)}, UNSUPPORTED),
        (RSA | {"n": ""}, MALFORMED),
        (RSA | {"n": octets(b"\0" + _NUMBERS.n.to_bytes(256, "big"))}, MALFORMED),
        (RSA | {"n": number(_NUMBERS.n - 1)}, MALFORMED),
        (RSA | {"e": "AQ"}, MALFORMED),
        (RSA | {"e": "AA"}, MALFORMED),
        (RSA | {"e": "Ag"}, MALFORMED),
        (RSA | {"e": number((1 << 32) + 1)}, MALFORMED),
        (without(RSA, "e"), MALFORMED),
        # ML-DSA.
        (AKP | {"pub": AKP["pub"][:-4]}, MALFORMED),
        (AKP | {"pub": ED["x"]}, MALFORMED),
        (without(AKP, "pub"), MALFORMED),
    ],
)
def test_a_key_that_could_mislead_is_refused_with_its_fault(jwk, fault):
    with pytest.raises(KeyRefused) as refused:
        parse_public_jwk(jwk)
    assert refused.value.fault is fault
    assert refused.value.__cause__ is None


@requirement("RFC 9964 §3")
def test_an_akp_key_names_its_algorithm_itself():
    with pytest.raises(KeyRefused) as refused:
        parse_public_jwk(without(AKP, "alg"), algorithm=Algorithm.ML_DSA_44)
    assert refused.value.fault is KeyFault.MALFORMED


def test_a_pin_that_contradicts_the_key_is_refused():
    for jwk, algorithm in [(EC, Algorithm.ES384), (RSA, Algorithm.PS256), (ED, Algorithm.ES256)]:
        with pytest.raises(KeyRefused) as refused:
            parse_public_jwk(jwk, algorithm=algorithm)
        assert refused.value.fault is KeyFault.CONFLICT


def test_a_key_pinned_to_rs256_takes_no_pss_signature_of_the_same_key():
    pss = PrivateKey.generate(Algorithm.PS256)
    jwk = pss.public.to_jwk() | {"alg": "RS256"}
    rs256 = parse_public_jwk(jwk)
    assert not rs256.verify(pss.sign(b"content"), b"content")
    with pytest.raises(JwsRefused) as refused:
        parse_compact(sign_compact(b"{}", key=pss, typ="a")).verify_with(rs256, expected_type="a")
    assert refused.value.reason is RefusalReason.ALGORITHM_MISMATCH


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg", "use", "key_ops", "kid", "pub"])
        | st.text(max_size=3),
        st.sampled_from(["EC", "OKP", "RSA", "AKP", "P-256", "Ed25519", "sig", *Algorithm])
        | st.sampled_from([*EC.values(), *ED.values(), *RSA.values()])
        | st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.text(max_size=2), inner, max_size=2)
            ),
            max_leaves=4,
        ),
        max_size=8,
    ),
    st.none() | st.sampled_from(list(Algorithm)),
)
def test_arbitrary_members_give_a_working_key_or_the_declared_refusal(jwk, algorithm):
    try:
        key = parse_public_jwk(jwk, algorithm=algorithm)
    except KeyRefused:
        return
    assert not key.verify(b"", b"")
    assert parse_public_jwk(key.to_jwk()).is_same_key(key)


@given(changes=st.data())
def test_a_valid_jwk_with_one_member_replaced_gives_only_declared_refusals(changes):
    jwk = dict(changes.draw(st.sampled_from([EC, P384, ED, RSA, AKP])))
    name = changes.draw(st.sampled_from(sorted(jwk)))
    jwk[name] = changes.draw(
        st.text(max_size=90)
        | st.binary(max_size=64).map(octets)
        | st.none()
        | st.integers()
        | st.lists(st.text(max_size=3), max_size=2)
    )
    with contextlib.suppress(KeyRefused):
        assert parse_public_jwk(jwk).algorithm in Algorithm


def test_a_p521_key_has_no_algorithm_here():
    numbers = ec.generate_private_key(ec.SECP521R1()).public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-521", "x": number(numbers.x), "y": number(numbers.y)}
    for algorithm in Algorithm:
        with pytest.raises(KeyRefused):
            parse_public_jwk(jwk, algorithm=algorithm)


def test_a_key_is_frozen_and_shows_no_material():
    key = parse_public_jwk(EC)
    with pytest.raises(AttributeError):
        key.algorithm = Algorithm.ES384
    assert repr(key) == f"PublicKey(ES256, {key.thumbprint})"
    assert msgspec.structs.replace(key, kid=None).to_jwk() == without(EC, "kid")
