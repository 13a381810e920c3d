"""What a revocation names: sixteen bytes that match a token by one of its ids (G-1).

selector = SHA-256(issuer ‖ 00 ‖ kind ‖ 00 ‖ id)[:16], all UTF-8, no part containing NUL.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Final, NewType

Selector = NewType("Selector", bytes)

SELECTOR_BYTES: Final = 16


class SelectorKind(StrEnum):
    """The ids of a token by which it can be revoked; a verifier checks every one it carries."""

    JTI = "jti"
    GRANT = "grant"
    SESSION = "session"
    SUBJECT = "subject"
    DEVICE = "device"
    CLIENT = "client"
    CONFIRMATION = "confirmation"
    AUDIENCE = "audience"
    ISSUER = "issuer"
    KEY = "key"
    """Not matched against tokens by birth: drops a signing key, by thumbprint, for good."""


# A repeat of one of these can catch no token that the first did not (see `revocation` in protocol).
KINDS_WITHOUT_NEW_TOKENS: Final = frozenset({SelectorKind.JTI})


def selector_prefix(issuer: str, kind: SelectorKind) -> bytes:
    """Return the constant part of every selector of a kind, for callers that make many."""
    return f"{issuer}\0{kind}\0".encode()


def selector(issuer: str, kind: SelectorKind, value: str) -> Selector:
    """Return the selector of one id. Raises ValueError if `issuer` or `value` contains NUL."""
    if "\0" in value or "\0" in issuer:
        raise ValueError(f"{kind} id or issuer contains NUL")
    return Selector(
        sha256(selector_prefix(issuer, kind) + value.encode()).digest()[:SELECTOR_BYTES]
    )
