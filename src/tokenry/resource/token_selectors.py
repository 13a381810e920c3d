"""Every selector that a token carries, never only the first (G-1)."""

from collections.abc import Callable
from hashlib import sha256
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

MAX_REMEMBERED: Final = 8192
"""Ids of each kind whose selectors are kept: tokens of one client or session share them."""


class TokenSelectors:
    """Makes the selectors of one issuer's tokens for one audience. Safe in several threads."""

    def __init__(self, issuer: IssuerUrl, audience: Audience) -> None:
        self._always = (
            selector(issuer, SelectorKind.ISSUER, issuer),
            selector(issuer, SelectorKind.AUDIENCE, audience),
        )
        self._token = _maker(issuer, SelectorKind.JTI)
        self._grant = _remembering(_maker(issuer, SelectorKind.GRANT))
        self._subject = _remembering(_maker(issuer, SelectorKind.SUBJECT))
        self._client = _remembering(_maker(issuer, SelectorKind.CLIENT))
        self._session = _remembering(_maker(issuer, SelectorKind.SESSION))
        self._device = _remembering(_maker(issuer, SelectorKind.DEVICE))
        self._confirmation = _remembering(_maker(issuer, SelectorKind.CONFIRMATION))

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
    # The constant part is hashed once; to copy that costs half of hashing it again.
    prepared = sha256(selector_prefix(issuer, kind)).copy

    def make(value: str) -> Selector:
        # NUL separates the parts of what is hashed; within one it would let two ids look alike.
        if "\0" in value:
            raise Refusal(Reason.CLAIMS, f"the {kind} id contains NUL")
        hashed = prepared()
        hashed.update(value.encode())
        return Selector(hashed.digest()[:SELECTOR_BYTES])

    return make


def _remembering(make: Callable[[str], Selector]) -> Callable[[str], Selector]:
    known: dict[str, Selector] = {}

    def find(value: str) -> Selector:
        found = known.get(value)
        if found is None:
            found = make(value)
            if len(known) >= MAX_REMEMBERED:
                known.clear()
            known[value] = found
        return found

    return find
