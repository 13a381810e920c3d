"""The claims of an access token, and the selectors by which it can be revoked (RFC 9068 §2.2, G-1).

The same claims stand in a JWT and behind an opaque token, so that both are revoked and introspected
alike.
"""

from functools import partial
from hashlib import sha256
from typing import Final

import msgspec

from tokenry.vocabulary.claims import CERTIFICATE_THUMBPRINT
from tokenry.vocabulary.identifiers import (
    Audience,
    ClientId,
    GrantId,
    IssuerUrl,
    SubjectId,
    Thumbprint,
    TokenId,
)
from tokenry.vocabulary.selectors import (
    SELECTOR_BYTES,
    Selector,
    SelectorKind,
    selector,
    selector_prefix,
)
from tokenry.vocabulary.sequence import SequenceNumber


class Confirmation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`cnf`: the key or certificate a token is bound to (RFC 9449 §6, RFC 8705 §3.1)."""

    jkt: Thumbprint | None = None
    certificate: Thumbprint | None = msgspec.field(name=CERTIFICATE_THUMBPRINT, default=None)


class AccessTokenClaims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says. `iat` and `exp` are NumericDates; `scope` is separated by spaces.

    `iat` is fixed from the clock before the facts are read and never again: a revocation that the
    facts did not see was then committed after `iat`, and its record outlives the token (G-1).
    """

    iss: IssuerUrl
    sub: SubjectId
    aud: Audience
    client_id: ClientId
    scope: str
    iat: int
    exp: int
    jti: TokenId
    grant: GrantId
    rsn: SequenceNumber
    sid: str | None = None
    device: str | None = None
    cnf: Confirmation | None = None


encode_claims: Final = msgspec.json.Encoder().encode
"""Return the JWT payload of claims: compact JSON."""

_DECODER: Final = msgspec.json.Decoder(AccessTokenClaims)


def decode_claims(payload: bytes) -> AccessTokenClaims:
    """Parse a payload that the authority made. Raises msgspec.DecodeError if it did not."""
    return _DECODER.decode(payload)


class TokenSelectors:
    """The selectors of one issuer's tokens: every kind that a token carries (G-1)."""

    def __init__(self, issuer: IssuerUrl) -> None:
        self._issuer = selector(issuer, SelectorKind.ISSUER, issuer)
        self._make = {
            kind: partial(_select, selector_prefix(issuer, kind)) for kind in SelectorKind
        }

    def standing(
        self, *, client: ClientId, subject: SubjectId, audience: Audience
    ) -> frozenset[Selector]:
        """Return the selectors that a token shares with others of its client, subject, audience.

        A token about to be issued needs no others tested: its `jti` and `grant` are fresh.
        """
        make = self._make
        return frozenset(
            (
                make[SelectorKind.CLIENT](client),
                make[SelectorKind.SUBJECT](subject),
                make[SelectorKind.AUDIENCE](audience),
                self._issuer,
            )
        )

    def of(self, claims: AccessTokenClaims) -> frozenset[Selector]:
        """Return every selector of a token."""
        make = self._make
        own = {make[SelectorKind.JTI](claims.jti), make[SelectorKind.GRANT](claims.grant)}
        if claims.sid is not None:
            own.add(make[SelectorKind.SESSION](claims.sid))
        if claims.device is not None:
            own.add(make[SelectorKind.DEVICE](claims.device))
        if claims.cnf is not None:
            own.update(
                make[SelectorKind.CONFIRMATION](thumbprint)
                for thumbprint in (claims.cnf.jkt, claims.cnf.certificate)
                if thumbprint is not None
            )
        return self.standing(client=claims.client_id, subject=claims.sub, audience=claims.aud) | own


def _select(prefix: bytes, value: str) -> Selector:
    return Selector(sha256(prefix + value.encode()).digest()[:SELECTOR_BYTES])
