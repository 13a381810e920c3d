"""Signing keys held in memory. Only PKCS #8 goes in and out; wrapping it is the keeper's work."""

from typing import Final, Self, get_args

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from tokenry.jose import base64url
from tokenry.jose.algorithms import MIN_RSA_BITS, Algorithm
from tokenry.jose.jwk import PublicKey, parse_public_jwk
from tokenry.jose.refusals import KeyFault, KeyRefused
from tokenry.jose.signatures import (
    CryptographyPrivateKey,
    CryptographyPublicKey,
    Sign,
    sign_function,
)
from tokenry.vocabulary.identifiers import KeyId

_RSA_EXPONENT: Final = 65537


class PrivateKey(msgspec.Struct, frozen=True, eq=False):
    """A signing key and its public half, whose `kid` is the thumbprint."""

    public: PublicKey
    cryptography_key: CryptographyPrivateKey
    sign_function: Sign

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.algorithm}, {self.public.thumbprint})"

    @classmethod
    def generate(cls, algorithm: Algorithm) -> Self:
        """Make a new key. The entropy is OpenSSL's own, as for its signatures."""
        match algorithm:
            case Algorithm.ES256:
                return cls._of(ec.generate_private_key(ec.SECP256R1()), algorithm)
            case Algorithm.ES384:
                return cls._of(ec.generate_private_key(ec.SECP384R1()), algorithm)
            case Algorithm.ED25519:
                return cls._of(ed25519.Ed25519PrivateKey.generate(), algorithm)
            case Algorithm.ML_DSA_44:
                return cls._of(mldsa.MLDSA44PrivateKey.generate(), algorithm)
            case Algorithm.RS256 | Algorithm.PS256:
                return cls._of(rsa.generate_private_key(_RSA_EXPONENT, MIN_RSA_BITS), algorithm)

    @classmethod
    def from_pkcs8(cls, data: bytes, *, algorithm: Algorithm) -> Self:
        """Read an unencrypted PKCS #8 key in DER. Raises KeyRefused, also if it does not fit."""
        try:
            key = serialization.load_der_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Not chained: a parser's message may quote the key.
            raise KeyRefused(KeyFault.MALFORMED, "expected an unencrypted PKCS #8 key") from None
        if not isinstance(key, get_args(CryptographyPrivateKey)):
            raise KeyRefused(KeyFault.UNSUPPORTED, "expected an EC, Ed25519, RSA or ML-DSA-44 key")
        return cls._of(key, algorithm)

    @classmethod
    def _of(cls, key: CryptographyPrivateKey, algorithm: Algorithm) -> Self:
        # Through the JWK reader, so that keys of our own pass the same checks as others'.
        public = parse_public_jwk(_jwk_of(key.public_key(), algorithm), algorithm=algorithm)
        named = msgspec.structs.replace(public, kid=KeyId(public.thumbprint))
        return cls(public=named, cryptography_key=key, sign_function=sign_function(algorithm, key))

    def to_pkcs8(self) -> bytes:
        """Return the key in DER, not encrypted: wrap it before it is kept anywhere."""
        return self.cryptography_key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, signing_input: bytes) -> bytes:
        """Return the JWS signature over these bytes."""
        return self.sign_function(signing_input)


def _jwk_of(key: CryptographyPublicKey, algorithm: Algorithm) -> dict[str, object]:
    match key:
        case ec.EllipticCurvePublicKey():
            numbers, size = key.public_numbers(), (key.key_size + 7) // 8
            curve = {"secp256r1": "P-256", "secp384r1": "P-384"}.get(key.curve.name, "other")
            return {
                "kty": "EC",
                "crv": curve,
                "x": _text(numbers.x.to_bytes(size, "big")),
                "y": _text(numbers.y.to_bytes(size, "big")),
            }
        case ed25519.Ed25519PublicKey():
            return {"kty": "OKP", "crv": "Ed25519", "x": _text(key.public_bytes_raw())}
        case mldsa.MLDSA44PublicKey():
            return {
                "kty": "AKP",
                "alg": Algorithm.ML_DSA_44.value,
                "pub": _text(key.public_bytes_raw()),
            }
        case rsa.RSAPublicKey():
            rsa_numbers = key.public_numbers()
            return {"kty": "RSA", "n": _unsigned(rsa_numbers.n), "e": _unsigned(rsa_numbers.e)}


def _text(octets: bytes) -> str:
    return base64url.encode(octets).decode("ascii")


def _unsigned(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))
