"""Why a JWS, a key or a key set was refused. Messages never repeat what was presented."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class RefusalReason(StrEnum):
    """Why a JWS was refused; stable words for logs, metrics and audit entries."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNSUPPORTED_HEADER = "unsupported_header"
    UNKNOWN_CRITICAL = "unknown_critical"
    UNKNOWN_ALGORITHM = "unknown_algorithm"
    UNEXPECTED_TYPE = "unexpected_type"
    UNKNOWN_KEY = "unknown_key"
    ALGORITHM_MISMATCH = "algorithm_mismatch"
    BAD_SIGNATURE = "bad_signature"


_EXPECTED: Final = MappingProxyType(
    {
        RefusalReason.MALFORMED: "expected a compact JWS: three base64url segments, JSON header",
        RefusalReason.TOO_LARGE: "expected a shorter compact JWS",
        RefusalReason.UNSUPPORTED_HEADER: "expected a header without b64, zip, jku and x5u",
        RefusalReason.UNKNOWN_CRITICAL: "expected a header without crit: no extension is known",
        RefusalReason.UNKNOWN_ALGORITHM: "expected a known asymmetric signature algorithm",
        RefusalReason.UNEXPECTED_TYPE: "expected another typ",
        RefusalReason.UNKNOWN_KEY: "expected a kid of a current key",
        RefusalReason.ALGORITHM_MISMATCH: "expected the algorithm that the key is pinned to",
        RefusalReason.BAD_SIGNATURE: "the signature does not fit key and content",
    }
)


class JwsRefused(ValueError):
    """A JWS that must not be believed. `reason` says why."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(_EXPECTED[reason])
        self.reason = reason


class KeyFault(StrEnum):
    """Why a key was refused."""

    UNSUPPORTED = "unsupported"
    """A kind, algorithm, curve, size or use that Tokenry does not verify signatures with."""
    UNPINNED = "unpinned"
    """No `alg`, and the caller named none either."""
    MALFORMED = "malformed"
    PRIVATE = "private"
    """It carries private or symmetric members: whoever published it has given the key away."""
    CONFLICT = "conflict"
    """Its members contradict each other or the algorithm the caller pinned."""


class KeyRefused(ValueError):
    """A key that must not be used. `fault` says why; the message says what was expected."""

    def __init__(self, fault: KeyFault, expected: str) -> None:
        super().__init__(expected)
        self.fault = fault


class KeySetRefused(ValueError):
    """A JWK set that as a whole cannot be used; a single bad key is left out instead."""
