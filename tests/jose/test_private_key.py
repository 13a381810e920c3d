"""Signing keys: generated, kept as PKCS #8, and never shown."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from support.requirement import requirement
from tokenry.jose import Algorithm, KeyFault, KeyRefused, PrivateKey


def pkcs8(key, encryption=None):
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def test_a_key_survives_pkcs8(key):
    read = PrivateKey.from_pkcs8(key.to_pkcs8(), algorithm=key.public.algorithm)
    assert read.public.is_same_key(key.public)
    assert key.public.verify(read.sign(b"content"), b"content")


def test_a_signature_has_the_length_that_its_algorithm_fixes(key):
    lengths = {"ES256": 64, "ES384": 96, "Ed25519": 64, "ML-DSA-44": 2420}
    for _ in range(20):
        assert len(key.sign(b"content")) == lengths.get(key.public.algorithm, 256)


@requirement("RFC 7638 §3")
def test_the_kid_of_an_own_key_is_its_thumbprint(key):
    assert key.public.kid == key.public.thumbprint
    assert len(key.public.thumbprint) == 43


def test_two_generated_keys_differ():
    first, second = (PrivateKey.generate(Algorithm.ES256) for _ in range(2))
    assert not first.public.is_same_key(second.public)


@pytest.mark.parametrize(
    ("data", "algorithm", "fault"),
    [
        (b"", Algorithm.ES256, KeyFault.MALFORMED),
        (b"not a key", Algorithm.ES256, KeyFault.MALFORMED),
        (
            pkcs8(
                ec.generate_private_key(ec.SECP256R1()),
                serialization.BestAvailableEncryption(b"secret"),
            ),
            Algorithm.ES256,
            KeyFault.MALFORMED,
        ),
        (pkcs8(ed448.Ed448PrivateKey.generate()), Algorithm.ED25519, KeyFault.UNSUPPORTED),
        (
            pkcs8(rsa.generate_private_key(65537, 1024)),
            Algorithm.RS256,
            KeyFault.UNSUPPORTED,
        ),
        (pkcs8(ec.generate_private_key(ec.SECP384R1())), Algorithm.ES256, KeyFault.CONFLICT),
        (pkcs8(ec.generate_private_key(ec.SECP521R1())), Algorithm.ES384, KeyFault.CONFLICT),
        (pkcs8(ec.generate_private_key(ec.SECP256R1())), Algorithm.RS256, KeyFault.CONFLICT),
    ],
    # The keys are random: without names, two test processes would not know each other's tests.
    ids=["empty", "no key", "encrypted", "Ed448", "RSA 1024", "P-384", "P-521", "EC for RS256"],
)
def test_a_key_that_does_not_fit_is_refused(data, algorithm, fault):
    with pytest.raises(KeyRefused) as refused:
        PrivateKey.from_pkcs8(data, algorithm=algorithm)
    assert refused.value.fault is fault
    assert refused.value.__cause__ is None


def test_a_private_key_shows_only_its_public_name(key):
    assert repr(key) == f"PrivateKey({key.public.algorithm}, {key.public.thumbprint})"
    assert f"{key!s}" == repr(key)
