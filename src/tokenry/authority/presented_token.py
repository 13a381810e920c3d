"""Reading a token that somebody presents to the authority itself: proven to be ours, or nothing.

Whether it is expired or meant for the caller is not looked at here. What is remembered of a token
cannot change: its claims, and that it had not been revoked when the head was at a certain number.
"""

from typing import Final

import msgspec

from tokenry.authority.key_ring import KeyRing
from tokenry.jose import HeaderCache, JwsRefused, parse_compact
from tokenry.ports.store import Store
from tokenry.protocol.access_token import AccessTokenClaims, TokenSelectors, decode_claims
from tokenry.protocol.introspection import active_answer
from tokenry.protocol.reference_token import is_reference_token, reference_digest
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber

MAX_REMEMBERED: Final = 4_096
"""Tokens that are remembered, each in about 3 kB."""


class KnownToken:
    """A token of this issuer; `kid` is None for an opaque one."""

    __slots__ = ("active_answer", "claims", "kid", "selectors", "unrevoked_at")

    def __init__(
        self, claims: AccessTokenClaims, selectors: frozenset[Selector], kid: KeyId | None
    ) -> None:
        self.claims: Final = claims
        self.selectors: Final = selectors
        self.kid: Final = kid
        self.active_answer: Final = active_answer(claims)
        self.unrevoked_at: SequenceNumber | None = None
        """The newest head at which it was seen not to be revoked."""


class PresentedTokens:
    """Reads the tokens of one issuer, JWT and opaque."""

    def __init__(self, *, issuer: IssuerUrl, store: Store, key_ring: KeyRing) -> None:
        self._issuer = issuer
        self._store = store
        self._key_ring = key_ring
        self._selectors = TokenSelectors(issuer)
        self._headers = HeaderCache()
        self._remembered: dict[str, KnownToken] = {}

    async def read(self, token: str) -> KnownToken | None:
        """Return an access token of this issuer, None for anything else.

        Raises StoreUnavailable.
        """
        known = self._remembered.get(token)
        if known is None:
            if is_reference_token(token):
                known = await self._find_reference(token)
            else:
                known = self._verify(token)
            if known is not None:
                if len(self._remembered) >= MAX_REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]
                self._remembered[token] = known
        elif known.kid is not None and self._key_ring.public_key(known.kid) is None:
            # A signature stays good for as long as its key is.
            return None
        return known

    async def is_revoked(self, known: KnownToken) -> bool:
        """Say whether a token is revoked, as of now. Raises StoreUnavailable.

        While the head stands where it stood, nothing can have been revoked since.
        """
        head = (await self._store.head(self._issuer)).seq
        if known.unrevoked_at == head:
            return False
        revoked = await self._store.is_revoked(
            self._issuer, selectors=known.selectors, rsn=known.claims.rsn
        )
        if not revoked:
            known.unrevoked_at = head
        return revoked

    async def _find_reference(self, token: str) -> KnownToken | None:
        found = (await self._store.find_reference(self._issuer, reference_digest(token))).value
        return None if found is None else self._known(decode_claims(found.claims), None)

    def _verify(self, token: str) -> KnownToken | None:
        try:
            # 1. Shape, 2 header, 3 content, 4 type.
            jws = parse_compact(token, limit=MAX_TOKEN_BYTES, headers=self._headers)
            jws.require_type(ACCESS_TOKEN_TYPE)
            # 5. A key of this issuer, 6 its own algorithm, 7 signature.
            kid = jws.header.kid
            key = None if kid is None else self._key_ring.public_key(kid)
            if kid is None or key is None:
                return None
            jws.verify_with(key, expected_type=ACCESS_TOKEN_TYPE)
            claims = decode_claims(jws.payload)
        except (JwsRefused, msgspec.DecodeError):
            return None
        # 8. Of this issuer, which shares its keys with nobody.
        return self._known(claims, kid) if claims.iss == self._issuer else None

    def _known(self, claims: AccessTokenClaims, kid: KeyId | None) -> KnownToken:
        return KnownToken(claims, self._selectors.of(claims), kid)
