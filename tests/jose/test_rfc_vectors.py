"""Keys and signatures that others printed: RFC 7515, 7517, 7520, 7638, 8037, 9964."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from support.requirement import requirement
from tokenry.jose import (
    UNSAFE_ANY_TYPE,
    Algorithm,
    DeprecatedName,
    JwsRefused,
    KeyFault,
    KeyRefused,
    KeySet,
    PrivateKey,
    RefusalReason,
    parse_compact,
    parse_public_jwk,
    signing_input,
)


def unpadded(text):
    return base64.urlsafe_b64decode(text + "==")


def pkcs8(key):
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@requirement("RFC 7515 §A.2", "RFC 7515 §A.3")
@pytest.mark.parametrize("example", ["A.2", "A.3"])
def test_the_signed_examples_of_rfc_7515_verify_and_only_over_their_content(vector, example):
    case = vector("jose-rfcs/rfc7515.json")[example]
    key = parse_public_jwk(case["key"], algorithm=Algorithm(case["alg"]))
    verified = parse_compact(case["compact"]).verify_with(key, expected_type=UNSAFE_ANY_TYPE)
    assert verified.payload == (
        b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    )

    header, payload, signature = case["compact"].split(".")
    other = ".".join((header, payload.replace("eyJpc3Mi", "eyJpc3Mj"), signature))
    with pytest.raises(JwsRefused) as refused:
        parse_compact(other).verify_with(key, expected_type=UNSAFE_ANY_TYPE)
    assert refused.value.reason is RefusalReason.BAD_SIGNATURE


@requirement("RFC 7520 §4.1")
def test_the_rs256_example_of_the_cookbook_verifies(vector):
    case = vector("jose-cookbook/jws/4_1.rsa_v15_signature.json")
    key = parse_public_jwk(
        vector("jose-cookbook/jwk/3_3.rsa_public_key.json"), algorithm=Algorithm.RS256
    )
    unverified = parse_compact(case["output"]["compact"])
    verified = unverified.verify_with(key, expected_type=UNSAFE_ANY_TYPE)
    assert verified.payload.decode() == case["input"]["payload"]
    assert verified.header.kid == key.kid == "bilbo.baggins@hobbiton.example"
    assert unverified.signing_input.decode() == case["signing"]["sig-input"]


@requirement("RFC 7520 §4")
@pytest.mark.parametrize(
    "name", ["4_2.rsa-pss_signature", "4_3.ecdsa_signature", "4_4.hmac-sha2_integrity_protection"]
)
def test_cookbook_examples_of_algorithms_that_tokenry_does_not_have_are_refused(vector, name):
    case = vector(f"jose-cookbook/jws/{name}.json")
    with pytest.raises(JwsRefused) as refused:
        parse_compact(case["output"]["compact"])
    assert refused.value.reason is RefusalReason.UNKNOWN_ALGORITHM


@requirement("RFC 7520 §3")
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("3_1.ec_public_key", KeyFault.CONFLICT),  # P-521 under ES256
        ("3_2.ec_private_key", KeyFault.PRIVATE),
        ("3_5.symmetric_key_mac_computation", KeyFault.PRIVATE),
    ],
)
def test_cookbook_keys_that_verify_nothing_here_are_refused(vector, name, fault):
    with pytest.raises(KeyRefused) as refused:
        parse_public_jwk(vector(f"jose-cookbook/jwk/{name}.json"), algorithm=Algorithm.ES256)
    assert refused.value.fault is fault


@requirement("RFC 7797 §4", "G-7")
def test_unencoded_payloads_are_refused(vector):
    case = vector("jose-cookbook/rfc7797/hmac-sha2_b64_false.json")
    with pytest.raises(JwsRefused) as refused:
        parse_compact(case["output"]["compact"])
    assert refused.value.reason is RefusalReason.UNKNOWN_CRITICAL


@requirement("RFC 7517 §A.1")
def test_of_the_key_set_of_rfc_7517_the_signature_key_is_usable(vector):
    key_set = KeySet.from_jwks(vector("jose-rfcs/rfc7517.json")["A.1"])
    assert [key.kid for key in key_set.keys] == ["2011-04-29"]
    assert key_set.ignored == (KeyFault.UNSUPPORTED,)  # "use": "enc"


@requirement("RFC 7638 §3.1")
def test_the_thumbprint_of_rfc_7638(vector):
    case = vector("jose-rfcs/rfc7638.json")["3.1"]
    assert parse_public_jwk(case["key"]).thumbprint == case["thumbprint"]


@requirement("RFC 8037 §A.3", "RFC 8037 §A.4")
def test_the_ed25519_example_is_signed_alike_and_named_alike(vector):
    private = vector("jose-rfcs/rfc8037.json")["A.1"]
    seed = ed25519.Ed25519PrivateKey.from_private_bytes(unpadded(private["d"]))
    key = PrivateKey.from_pkcs8(pkcs8(seed), algorithm=Algorithm.ED25519)
    assert key.public.thumbprint == vector("jose-rfcs/rfc8037.json")["A.3"]["thumbprint"]

    case = vector("jose-cookbook/curve25519/jws.json")
    signed = signing_input(
        case["signing"]["protected_b64u"].encode(), case["input"]["payload"].encode()
    )
    assert key.sign(signed) == unpadded(case["signing"]["sig"])


@requirement("RFC 9864 §2.2")
def test_the_old_name_of_ed25519_needs_a_key_that_was_read_with_it(vector):
    case = vector("jose-cookbook/curve25519/jws.json")
    jwk = {name: case["input"]["key"][name] for name in ("kty", "crv", "x", "use")}
    unverified = parse_compact(case["output"]["compact"])

    strict = parse_public_jwk(jwk, algorithm=Algorithm.ED25519)
    with pytest.raises(JwsRefused) as refused:
        unverified.verify_with(strict, expected_type=UNSAFE_ANY_TYPE)
    assert refused.value.reason is RefusalReason.ALGORITHM_MISMATCH

    lenient = parse_public_jwk(
        jwk, algorithm=Algorithm.ED25519, deprecated_name=DeprecatedName.EDDSA
    )
    verified = unverified.verify_with(lenient, expected_type=UNSAFE_ANY_TYPE)
    assert verified.payload == b"Example of Ed25519 signing"


@requirement("RFC 9964 §A.1")
def test_the_ml_dsa_44_example_verifies_and_is_named_alike(vector):
    case = vector("jose-rfcs/rfc9964.json")["A.1"]
    seed = mldsa.MLDSA44PrivateKey.from_seed_bytes(unpadded(case["priv"]))
    key = PrivateKey.from_pkcs8(pkcs8(seed), algorithm=Algorithm.ML_DSA_44).public
    assert key.thumbprint == key.kid == case["thumbprint"]
    verified = parse_compact(case["compact"]).verify_with(key, expected_type=UNSAFE_ANY_TYPE)
    assert verified.header.kid == case["thumbprint"]
    assert verified.payload.decode() == "It’s a dangerous business, Frodo, going out your door."
