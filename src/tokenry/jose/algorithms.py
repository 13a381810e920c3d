"""The signature algorithms Tokenry knows, as one table.

Asymmetric only: a verifier that cannot make a token cannot leak the power to. A key has exactly
one of these, pinned when the key is read; nothing a token says can change it (RFC 8725 §3.1).
Names are compared case-sensitively (RFC 7515 §4.1.1).
"""

from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

import msgspec


class Algorithm(StrEnum):
    """A JWS algorithm (RFC 7518 §3.1, RFC 9864 §2.2, RFC 9964)."""

    ES256 = "ES256"
    ES384 = "ES384"
    ED25519 = "Ed25519"
    RS256 = "RS256"
    PS256 = "PS256"
    ML_DSA_44 = "ML-DSA-44"


class DeprecatedName(Enum):
    """Old names of an algorithm, accepted only by a key that was read with one of these."""

    EDDSA = "EdDSA"
    """Deprecated by RFC 9864; means Ed25519 here, as many libraries still write it."""


class KeyShape(msgspec.Struct, frozen=True):
    """What a JWK of an algorithm looks like. Lengths are in bytes; 0 where the key decides."""

    key_type: str
    curve: str | None
    coordinate_bytes: int
    signature_bytes: int


KEY_SHAPES: Final = MappingProxyType(
    {
        Algorithm.ES256: KeyShape("EC", "P-256", coordinate_bytes=32, signature_bytes=64),
        Algorithm.ES384: KeyShape("EC", "P-384", coordinate_bytes=48, signature_bytes=96),
        Algorithm.ED25519: KeyShape("OKP", "Ed25519", coordinate_bytes=32, signature_bytes=64),
        Algorithm.RS256: KeyShape("RSA", None, coordinate_bytes=0, signature_bytes=0),
        Algorithm.PS256: KeyShape("RSA", None, coordinate_bytes=0, signature_bytes=0),
        Algorithm.ML_DSA_44: KeyShape("AKP", None, coordinate_bytes=1312, signature_bytes=2420),
    }
)

KNOWN_NAMES: Final = frozenset(
    [algorithm.value for algorithm in Algorithm] + [name.value for name in DeprecatedName]
)
"""Every `alg` a header may carry at all; which one is right is the key's to say."""

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
MAX_RSA_EXPONENT: Final = (1 << 32) - 1
"""Larger ones are of no use to anyone but who wants verification to be slow."""


def algorithm_named(name: object, *, deprecated_name: DeprecatedName | None) -> Algorithm | None:
    """Return the algorithm of a JWK's `alg`, or None when Tokenry does not know or allow it."""
    if deprecated_name is DeprecatedName.EDDSA and name == DeprecatedName.EDDSA.value:
        return Algorithm.ED25519
    return _BY_NAME.get(name) if isinstance(name, str) else None


_BY_NAME: Final = MappingProxyType({algorithm.value: algorithm for algorithm in Algorithm})
