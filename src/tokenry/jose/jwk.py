"""Public keys: read strictly from a JWK (RFC 7517), pinned to one algorithm, named by thumbprint.

The thumbprint (RFC 7638) is over the key alone, so one key has one thumbprint however it came.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from tokenry.jose import base64url
from tokenry.jose.algorithms import (
    KEY_SHAPES,
    MAX_RSA_BITS,
    MAX_RSA_EXPONENT,
    MIN_RSA_BITS,
    Algorithm,
    DeprecatedName,
    algorithm_named,
)
from tokenry.jose.edwards_point import is_sound_public_key
from tokenry.jose.refusals import KeyFault, KeyRefused
from tokenry.jose.signatures import CryptographyPublicKey, Verify, verify_function
from tokenry.vocabulary.bounds import MAX_IDENTIFIER_BYTES
from tokenry.vocabulary.identifiers import KeyId, Thumbprint

# RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2; RFC 9964.
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_KEY_TYPES: Final = frozenset(shape.key_type for shape in KEY_SHAPES.values())


class PublicKey(msgspec.Struct, frozen=True, eq=False):
    """A verification key and the one algorithm it verifies.

    `algorithm_names` are the values of `alg` it answers to: its own, and a deprecated one if it
    was read with it. `members` are the required members of its JWK, in the thumbprint's order.
    """

    algorithm: Algorithm
    kid: KeyId | None
    thumbprint: Thumbprint
    algorithm_names: frozenset[str]
    members: Mapping[str, str]
    verify_function: Verify

    def __repr__(self) -> str:
        return f"PublicKey({self.algorithm}, {self.thumbprint})"

    def verify(self, signature: bytes, signing_input: bytes) -> bool:
        """Say whether the signature is this key's over these bytes. Never raises for bad input."""
        return self.verify_function(signature, signing_input)

    def is_same_key(self, other: "PublicKey") -> bool:
        """Say whether both are the same key for the same algorithm, whatever they are called."""
        return self.thumbprint == other.thumbprint and self.algorithm is other.algorithm

    def to_jwk(self) -> dict[str, str]:
        """Return the JWK to publish: required members, `alg`, `use`, and `kid` if it has one."""
        jwk = {**self.members, "alg": self.algorithm.value, "use": "sig"}
        if self.kid is not None:
            jwk["kid"] = self.kid
        return jwk


def parse_public_jwk(
    jwk: Mapping[str, object],
    *,
    algorithm: Algorithm | None = None,
    deprecated_name: DeprecatedName | None = None,
) -> PublicKey:
    """Read a public JWK. `algorithm` pins it, and must be given when the JWK has no `alg`.

    Unknown members are ignored (RFC 7517 §4). Raises KeyRefused.
    """
    # 1. Nothing secret in it: such a key is burnt, whatever else it says.
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise KeyRefused(KeyFault.PRIVATE, "expected a public key without private members")
    # 2. A kind and a use that are known.
    key_type = jwk.get("kty")
    if not isinstance(key_type, str) or key_type not in _KEY_TYPES:
        raise KeyRefused(KeyFault.UNSUPPORTED, "expected kty EC, OKP, RSA or AKP")
    _require_signature_use(jwk)
    # 3. Exactly one algorithm.
    pinned = _pinned_algorithm(jwk, algorithm, deprecated_name)
    # 4. The key itself.
    members, key = _material(jwk, pinned)
    kid = jwk.get("kid")
    if kid is not None and not (
        isinstance(kid, str) and 0 < len(kid.encode(errors="replace")) <= MAX_IDENTIFIER_BYTES
    ):
        raise KeyRefused(KeyFault.MALFORMED, "expected kid to be a short string")
    names = {pinned.value}
    if pinned is Algorithm.ED25519 and deprecated_name is DeprecatedName.EDDSA:
        names.add(deprecated_name.value)
    return PublicKey(
        algorithm=pinned,
        kid=None if kid is None else KeyId(kid),
        thumbprint=thumbprint_of(members),
        algorithm_names=frozenset(names),
        members=members,
        verify_function=verify_function(pinned, key),
    )


def thumbprint_of(members: Mapping[str, str]) -> Thumbprint:
    """Return the SHA-256 thumbprint of exactly the required members (RFC 7638 §3)."""
    canonical = msgspec.json.encode(dict(sorted(members.items())))
    return Thumbprint(base64url.encode(sha256(canonical).digest()).decode("ascii"))


def _require_signature_use(jwk: Mapping[str, object]) -> None:
    use = jwk.get("use", "sig")
    if use != "sig":
        fault = KeyFault.UNSUPPORTED if isinstance(use, str) else KeyFault.MALFORMED
        raise KeyRefused(fault, "expected use to be sig")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or not all(isinstance(name, str) for name in operations):
        raise KeyRefused(KeyFault.MALFORMED, "expected key_ops to be an array of strings")
    if len(set(operations)) != len(operations):
        raise KeyRefused(KeyFault.MALFORMED, "expected each of key_ops once (RFC 7517 §4.3)")
    if "verify" not in operations:
        raise KeyRefused(KeyFault.UNSUPPORTED, "expected verify among key_ops")
    if not {"sign", "verify"}.issuperset(operations):
        raise KeyRefused(KeyFault.CONFLICT, "expected key_ops for signatures alone")


def _pinned_algorithm(
    jwk: Mapping[str, object],
    algorithm: Algorithm | None,
    deprecated_name: DeprecatedName | None,
) -> Algorithm:
    pinned = algorithm
    if "alg" in jwk:
        named = algorithm_named(jwk["alg"], deprecated_name=deprecated_name)
        if named is None:
            raise KeyRefused(KeyFault.UNSUPPORTED, "expected a known signature algorithm in alg")
        if algorithm is not None and named is not algorithm:
            raise KeyRefused(KeyFault.CONFLICT, "expected alg to be the pinned algorithm")
        pinned = named
    if pinned is None:
        raise KeyRefused(KeyFault.UNPINNED, "expected alg in the key, or an algorithm pinned to it")
    shape = KEY_SHAPES[pinned]
    if jwk["kty"] != shape.key_type or (shape.curve is not None and jwk.get("crv") != shape.curve):
        raise KeyRefused(KeyFault.CONFLICT, f"expected kty and crv of a key for {pinned}")
    return pinned


def _material(
    jwk: Mapping[str, object], algorithm: Algorithm
) -> tuple[dict[str, str], CryptographyPublicKey]:
    """Return the required members and the key they make."""
    size = KEY_SHAPES[algorithm].coordinate_bytes
    try:
        match KEY_SHAPES[algorithm].key_type:
            case "EC":
                return _members(jwk, "crv", "kty", "x", "y"), _ec_key(jwk, algorithm, size)
            case "OKP":
                return _members(jwk, "crv", "kty", "x"), _ed25519_key(jwk, size)
            case "AKP":
                # RFC 9964: `alg` is part of what such a key is; a pin does not replace it.
                public = mldsa.MLDSA44PublicKey.from_public_bytes(_octets(jwk, "pub", size))
                return _members(jwk, "alg", "kty", "pub"), public
            case _:
                return _members(jwk, "e", "kty", "n"), _rsa_key(jwk)
    except KeyRefused:
        raise
    except ValueError:
        raise KeyRefused(KeyFault.MALFORMED, f"expected a valid key for {algorithm}") from None
    except UnsupportedAlgorithm:
        raise KeyRefused(
            KeyFault.UNSUPPORTED, f"this build of cryptography has no {algorithm}"
        ) from None


def _ec_key(
    jwk: Mapping[str, object], algorithm: Algorithm, size: int
) -> ec.EllipticCurvePublicKey:
    curve = ec.SECP256R1() if algorithm is Algorithm.ES256 else ec.SECP384R1()
    x = int.from_bytes(_octets(jwk, "x", size), "big")
    y = int.from_bytes(_octets(jwk, "y", size), "big")
    # Raises ValueError for a point that is not on the curve.
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()


def _ed25519_key(jwk: Mapping[str, object], size: int) -> ed25519.Ed25519PublicKey:
    point = _octets(jwk, "x", size)
    if not is_sound_public_key(point):
        raise KeyRefused(KeyFault.MALFORMED, "expected x to be a point of the curve")
    return ed25519.Ed25519PublicKey.from_public_bytes(point)


def _rsa_key(jwk: Mapping[str, object]) -> rsa.RSAPublicKey:
    modulus, exponent = _unsigned(jwk, "n"), _unsigned(jwk, "e")
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise KeyRefused(
            KeyFault.UNSUPPORTED, f"expected an RSA key of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits"
        )
    if not (3 <= exponent <= MAX_RSA_EXPONENT and exponent & 1 and modulus & 1):
        raise KeyRefused(KeyFault.MALFORMED, "expected an odd modulus and a small odd exponent")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _members(jwk: Mapping[str, object], *names: str) -> dict[str, str]:
    members: dict[str, str] = {}
    for name in names:
        value = jwk.get(name)
        if not isinstance(value, str):
            raise KeyRefused(KeyFault.MALFORMED, f"expected {name} to be a string")
        members[name] = value
    return members


def _octets(jwk: Mapping[str, object], name: str, size: int | None = None) -> bytes:
    octets = base64url.decode(_members(jwk, name)[name].encode("ascii"))
    if size is not None and len(octets) != size:
        raise KeyRefused(KeyFault.MALFORMED, f"expected {name} to hold {size} bytes")
    return octets


def _unsigned(jwk: Mapping[str, object], name: str) -> int:
    """Read a Base64urlUInt: no leading zero bytes (RFC 7518 §2), so that thumbprints are one."""
    octets = _octets(jwk, name)
    if not octets or octets[0] == 0:
        raise KeyRefused(KeyFault.MALFORMED, f"expected {name} without leading zero bytes")
    return int.from_bytes(octets, "big")
