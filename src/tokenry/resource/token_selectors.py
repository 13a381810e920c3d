"""Every selector that a token carries, never only the first (G-1)."""

from collections.abc import Callable
from typing import Final

from msgspec import UNSET

from tokenry.resource.claims import AccessTokenClaims
from tokenry.resource.refusal import Reason, Refusal
from tokenry.vocabulary.identifiers import Audience, IssuerUrl
from tokenry.vocabulary.selectors import (
    SELECTOR_BYTES,
    Selector,
    SelectorKind,
    selector,
    selector_prefix,
)

# CPython's own SHA-256 where it has it: for a hundred bytes, setting up OpenSSL's takes longer
# than hashing, and a new token is hashed for eight times.
try:
    from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore] # from 3.12 on
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found, unused-ignore] # 3.11
    except ImportError:
        from hashlib import sha256


class TokenSelectors:
    """Makes the selectors of one issuer's tokens for one audience. Safe in several threads."""

    def __init__(self, issuer: IssuerUrl, audience: Audience) -> None:
        self._always: Final = (
            selector(issuer, SelectorKind.ISSUER, issuer),
            selector(issuer, SelectorKind.AUDIENCE, audience),
        )
        self._token = _maker(issuer, SelectorKind.JTI)
        self._grant = _maker(issuer, SelectorKind.GRANT)
        self._subject = _maker(issuer, SelectorKind.SUBJECT)
        self._client = _maker(issuer, SelectorKind.CLIENT)
        self._session = _maker(issuer, SelectorKind.SESSION)
        self._device = _maker(issuer, SelectorKind.DEVICE)
        self._confirmation = _maker(issuer, SelectorKind.CONFIRMATION)

    def of(self, claims: AccessTokenClaims) -> frozenset[Selector]:
        """Return them all. Raises Refusal for an id that contains NUL."""
        made = [
            *self._always,
            self._token(claims.jti),
            self._grant(claims.grant),
            self._subject(claims.sub),
            self._client(claims.client_id),
        ]
        if claims.sid is not UNSET:
            made.append(self._session(claims.sid))
        if claims.device is not UNSET:
            made.append(self._device(claims.device))
        if claims.cnf is not UNSET:
            made += [
                self._confirmation(key)
                for key in (claims.cnf.jkt, claims.cnf.certificate)
                if key is not UNSET
            ]
        return frozenset(made)


def _maker(issuer: IssuerUrl, kind: SelectorKind) -> Callable[[str], Selector]:
    prefix = selector_prefix(issuer, kind)

    def make(value: str) -> Selector:
        # NUL separates the parts of what is hashed; within one it would let two ids look alike.
        if "\0" in value:
            raise Refusal(Reason.CLAIMS, f"the {kind} id contains NUL")
        digest: bytes = sha256(prefix + value.encode()).digest()
        # Not Selector(...): seven calls of a NewType are a hundredth of verifying a new token.
        return digest[:SELECTOR_BYTES]  # type: ignore[return-value]

    return make
