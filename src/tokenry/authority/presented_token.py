"""Reading a token that somebody presents to the authority itself: proven to be ours, or nothing.

Whether it is expired, revoked or meant for the caller is not looked at here.
"""

from typing import Final

import msgspec

from tokenry.authority.key_ring import KeyRing
from tokenry.jose import HeaderCache, JwsRefused, parse_compact
from tokenry.ports.store import Store
from tokenry.protocol.access_token import AccessTokenClaims, decode_claims
from tokenry.protocol.reference_token import is_reference_token, reference_digest
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId

MAX_REMEMBERED: Final = 4_096
"""Tokens whose signature is remembered as good; about 2 kB each."""


class PresentedTokens:
    """Reads the tokens of one issuer, JWT and opaque."""

    def __init__(self, *, issuer: IssuerUrl, store: Store, key_ring: KeyRing) -> None:
        self._issuer = issuer
        self._store = store
        self._key_ring = key_ring
        self._headers = HeaderCache()
        self._remembered: dict[str, tuple[KeyId, AccessTokenClaims]] = {}

    async def read(self, token: str) -> AccessTokenClaims | None:
        """Return the claims of an access token of this issuer, None for anything else.

        Raises StoreUnavailable.
        """
        if is_reference_token(token):
            found = (await self._store.find_reference(self._issuer, reference_digest(token))).value
            return None if found is None else decode_claims(found.claims)
        return self._read_jwt(token)

    def _read_jwt(self, token: str) -> AccessTokenClaims | None:
        remembered = self._remembered.get(token)
        if remembered is not None:
            signed_by, claims = remembered
            # A signature stays good for as long as its key is.
            return None if self._key_ring.public_key(signed_by) is None else claims
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
            # 8. Of this issuer, which shares its keys with nobody.
            claims = decode_claims(jws.payload)
        except (JwsRefused, msgspec.DecodeError):
            return None
        if claims.iss != self._issuer:
            return None
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[token] = (kid, claims)
        return claims
