"""Every selector that a token carries, never only the first (G-1)."""

from typing import Final

from msgspec import UNSET

from tokenry.resource.claims import AccessTokenClaims
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


MAX_CLIENTS: Final = 4096
"""Clients whose selectors are kept: few of them have many tokens; other ids are met seldom."""


class TokenSelectors:
    """Makes the selectors of one issuer's tokens for one audience. Safe in several threads."""

    def __init__(self, issuer: IssuerUrl, audience: Audience) -> None:
        self._always: Final = (
            selector(issuer, SelectorKind.ISSUER, issuer),
            selector(issuer, SelectorKind.AUDIENCE, audience),
        )
        self._token = selector_prefix(issuer, SelectorKind.JTI)
        self._grant = selector_prefix(issuer, SelectorKind.GRANT)
        self._subject = selector_prefix(issuer, SelectorKind.SUBJECT)
        self._client = selector_prefix(issuer, SelectorKind.CLIENT)
        self._session = selector_prefix(issuer, SelectorKind.SESSION)
        self._device = selector_prefix(issuer, SelectorKind.DEVICE)
        self._confirmation = selector_prefix(issuer, SelectorKind.CONFIRMATION)
        self._clients: dict[str, Selector] = {}

    def of(self, claims: AccessTokenClaims) -> frozenset[Selector]:
        """Return them all. The ids contain no NUL: `read_claims` has seen to that.

        Written out, since a call for each id would be a fiftieth of verifying a new token.
        """
        size = SELECTOR_BYTES
        made = [
            *self._always,
            self._clients.get(claims.client_id) or self._of_client(claims.client_id),
            sha256(self._token + claims.jti.encode()).digest()[:size],
            sha256(self._grant + claims.grant.encode()).digest()[:size],
            sha256(self._subject + claims.sub.encode()).digest()[:size],
        ]
        if claims.sid is not UNSET:
            made.append(sha256(self._session + claims.sid.encode()).digest()[:size])
        if claims.device is not UNSET:
            made.append(sha256(self._device + claims.device.encode()).digest()[:size])
        if claims.cnf is not UNSET:
            made += [
                sha256(self._confirmation + key.encode()).digest()[:size]
                for key in (claims.cnf.jkt, claims.cnf.certificate)
                if key is not UNSET
            ]
        return frozenset(made)

    def _of_client(self, client_id: str) -> Selector:
        made = Selector(sha256(self._client + client_id.encode()).digest()[:SELECTOR_BYTES])
        if len(self._clients) >= MAX_CLIENTS:
            self._clients.clear()
        self._clients[client_id] = made
        return made
