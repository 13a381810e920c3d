"""Every selector that a token carries, never only the first (G-1)."""

from hashlib import sha256

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


class TokenSelectors:
    """Makes the selectors of one issuer's tokens for one audience.

    The hash of each kind's constant part is prepared: copying it costs half of hashing it again,
    and that is paid for each id of each new token.
    """

    def __init__(self, issuer: IssuerUrl, audience: Audience) -> None:
        self._always = (
            selector(issuer, SelectorKind.ISSUER, issuer),
            selector(issuer, SelectorKind.AUDIENCE, audience),
        )
        self._prepared = {kind: sha256(selector_prefix(issuer, kind)) for kind in SelectorKind}

    def of(self, claims: AccessTokenClaims) -> frozenset[Selector]:
        """Return them all. Raises Refusal for an id that contains NUL."""
        made = [
            *self._always,
            self._selector(SelectorKind.JTI, claims.jti),
            self._selector(SelectorKind.GRANT, claims.grant),
            self._selector(SelectorKind.SUBJECT, claims.sub),
            self._selector(SelectorKind.CLIENT, claims.client_id),
        ]
        if claims.sid is not UNSET:
            made.append(self._selector(SelectorKind.SESSION, claims.sid))
        if claims.device is not UNSET:
            made.append(self._selector(SelectorKind.DEVICE, claims.device))
        if claims.cnf is not UNSET:
            made += [
                self._selector(SelectorKind.CONFIRMATION, key)
                for key in (claims.cnf.jkt, claims.cnf.certificate)
                if key is not UNSET
            ]
        return frozenset(made)

    def _selector(self, kind: SelectorKind, value: str) -> Selector:
        # NUL separates the parts of what is hashed; within one it would let two ids look alike.
        if "\0" in value:
            raise Refusal(Reason.CLAIMS, f"the {kind} id contains NUL")
        made = self._prepared[kind].copy()
        made.update(value.encode())
        return Selector(made.digest()[:SELECTOR_BYTES])
