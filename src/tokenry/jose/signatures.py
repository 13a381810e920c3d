"""Making and checking raw signatures: one function per key, with everything constant prepared."""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa

from tokenry.jose.algorithms import KEY_SHAPES, Algorithm
from tokenry.jose.ecdsa_encoding import der_from_raw, raw_from_der

Verify = Callable[[bytes, bytes], bool]
"""(signature, signed bytes) → whether they belong together. Never raises for bad input."""
Sign = Callable[[bytes], bytes]

CryptographyPublicKey = (
    ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey | mldsa.MLDSA44PublicKey
)
CryptographyPrivateKey = (
    ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | rsa.RSAPrivateKey
    | mldsa.MLDSA44PrivateKey
)

_SHA256: Final = hashes.SHA256()
_PKCS1: Final = padding.PKCS1v15()
# RFC 7518 §3.5: MGF1 with the same hash, salt as long as the hash.
_PSS: Final = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)


def verify_function(algorithm: Algorithm, key: CryptographyPublicKey) -> Verify:
    """Return the check for a key. Raises ValueError if the key is not of the algorithm."""
    length = KEY_SHAPES[algorithm].signature_bytes
    match algorithm, key:
        case ((Algorithm.ES256 | Algorithm.ES384), ec.EllipticCurvePublicKey()):
            return _verify_ecdsa(key, _ecdsa(algorithm), length)
        case Algorithm.ED25519, ed25519.Ed25519PublicKey():
            return _returning_bool(key.verify, length)
        case Algorithm.ML_DSA_44, mldsa.MLDSA44PublicKey():
            # RFC 9964: the context is the empty string, which is what none means.
            return _returning_bool(key.verify, length)
        case ((Algorithm.RS256 | Algorithm.PS256), rsa.RSAPublicKey()):
            scheme = _rsa_padding(algorithm)
            return _returning_bool(
                lambda signature, data: key.verify(signature, data, scheme, _SHA256),
                (key.key_size + 7) // 8,
            )
        case _:
            raise ValueError(f"expected a key for {algorithm}")


def sign_function(algorithm: Algorithm, key: CryptographyPrivateKey) -> Sign:
    """Return the signing function of a key. Raises ValueError if it is not of the algorithm."""
    match algorithm, key:
        case ((Algorithm.ES256 | Algorithm.ES384), ec.EllipticCurvePrivateKey()):
            sign, ecdsa = key.sign, _ecdsa(algorithm)
            size = KEY_SHAPES[algorithm].coordinate_bytes
            return lambda data: raw_from_der(sign(data, ecdsa), size)
        case Algorithm.ED25519, ed25519.Ed25519PrivateKey():
            return key.sign
        case Algorithm.ML_DSA_44, mldsa.MLDSA44PrivateKey():
            return key.sign
        case ((Algorithm.RS256 | Algorithm.PS256), rsa.RSAPrivateKey()):
            scheme = _rsa_padding(algorithm)
            return lambda data: key.sign(data, scheme, _SHA256)
        case _:
            raise ValueError(f"expected a key for {algorithm}")


def _ecdsa(algorithm: Algorithm) -> ec.ECDSA:
    return ec.ECDSA(_SHA256 if algorithm is Algorithm.ES256 else hashes.SHA384())


def _rsa_padding(algorithm: Algorithm) -> padding.PKCS1v15 | padding.PSS:
    return _PKCS1 if algorithm is Algorithm.RS256 else _PSS


def _verify_ecdsa(key: ec.EllipticCurvePublicKey, ecdsa: ec.ECDSA, length: int) -> Verify:
    check, size = key.verify, length // 2

    def verify(signature: bytes, data: bytes) -> bool:
        if len(signature) != length:
            return False
        try:
            check(der_from_raw(signature, size), data, ecdsa)
        except InvalidSignature:
            return False
        return True

    return verify


def _returning_bool(check: Callable[[bytes, bytes], object], length: int) -> Verify:
    def verify(signature: bytes, data: bytes) -> bool:
        if len(signature) != length:
            return False
        try:
            check(signature, data)
        except InvalidSignature:
            return False
        return True

    return verify
