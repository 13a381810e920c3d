"""What a revocation writes: a selector, how long its record is needed, and whether a repeat counts.

G-1; RFC 7009 §2.1. Everything here is bounded by what is still alive: a record is kept until the
last token that it can match has expired everywhere.
"""

from typing import Final

import msgspec

from tokenry.protocol.access_token import AccessTokenClaims
from tokenry.protocol.directory_index import DirectoryIndex
from tokenry.protocol.lifetime import longest_live_lifetime, widest_leeway
from tokenry.protocol.registry import Client
from tokenry.vocabulary.bounds import MAX_IDENTIFIER_BYTES, MAX_LEEWAY, MAX_TOKEN_LIFETIME
from tokenry.vocabulary.errors import InvalidGrant, InvalidRequest
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import (
    Instant,
    Seconds,
    has_expired,
    instant_from_numeric_date,
    later,
    numeric_date,
)
from tokenry.vocabulary.selectors import (
    KINDS_WITHOUT_NEW_TOKENS,
    Selector,
    SelectorKind,
    selector,
)

CLOCK_MARGIN: Final = Seconds(2)
"""Two nodes serve with clocks at most this far apart: each keeps within 1 s of the database's."""
SHORTEST_FLOOR: Final = Seconds(60)
"""Longer than any node may go on deciding on facts that it read before the revocation."""

# A grant ends with its first revocation: what is stored of it is tested against the floor by its
# birth, so nothing is ever issued under it again. Every grant there is today ends as it begins.
_ENDED_BY_REVOCATION: Final = KINDS_WITHOUT_NEW_TOKENS | {SelectorKind.GRANT}

_STOPS_NOTHING_NEW: Final = "Ends the tokens that exist; new ones are issued as before."
_ENDS_EVERYTHING: Final = "Ends the tokens that exist, and there will be no new ones."
NOTES: Final = {
    SelectorKind.JTI: _ENDS_EVERYTHING,
    SelectorKind.GRANT: _ENDS_EVERYTHING,
    SelectorKind.SESSION: _STOPS_NOTHING_NEW,
    SelectorKind.SUBJECT: _STOPS_NOTHING_NEW,
    SelectorKind.DEVICE: _STOPS_NOTHING_NEW,
    SelectorKind.CLIENT: _STOPS_NOTHING_NEW + " `tokenry client suspend` stops both.",
    SelectorKind.CONFIRMATION: _STOPS_NOTHING_NEW,
    SelectorKind.AUDIENCE: _STOPS_NOTHING_NEW,
    SelectorKind.ISSUER: _STOPS_NOTHING_NEW,
    SelectorKind.KEY: "Verifiers drop the key for good; tokens that it signed are refused.",
}
"""What an operator is told with each kind, so that nobody takes it for more than it is."""


class SelectorRevocation(msgspec.Struct, frozen=True, kw_only=True):
    """One selector to revoke. `expires` is a NumericDate, leeway included (G-1).

    `repeatable` False: a repeat could catch nothing that the first did not. `floor_until` is how
    long the store tests what it issues and keeps against it.
    """

    kind: SelectorKind
    selector: Selector
    expires: int
    repeatable: bool
    floor_until: Instant


def revocation_of(
    kind: SelectorKind,
    id_: str,
    *,
    issuer: IssuerUrl,
    directory: DirectoryIndex | None,
    now: Instant,
) -> SelectorRevocation:
    """Revoke whatever carries an id, whether or not anybody knows it.

    `directory` None: whatever it says, since nothing in it exceeds the bounds of a blueprint; the
    record is then kept longer than it might be, and never too short.

    The record outlives every token that can match: the longest lifetime that a live token was
    issued with, the widest leeway, and the difference of two clocks. Raises InvalidRequest for an
    id that no token can carry.
    """
    _require_identifier(kind, id_, issuer)
    lifetime = (
        MAX_TOKEN_LIFETIME if directory is None else longest_live_lifetime(directory, now=now)
    )
    longest = Seconds(lifetime + _leeway(directory))
    expires = numeric_date(later(now, longest)) + 1
    return _revocation(kind, id_, issuer, expires, now)


def revocation_of_token(
    claims: AccessTokenClaims, *, directory: DirectoryIndex | None, now: Instant
) -> SelectorRevocation | None:
    """Revoke one token by its `jti`; None when it has expired everywhere already.

    `directory` None: whatever it says, as `revocation_of`.
    """
    leeway = _leeway(directory)
    if has_expired(instant_from_numeric_date(claims.exp), now=now, leeway=leeway):
        return None
    return _revocation(SelectorKind.JTI, claims.jti, claims.iss, claims.exp + leeway, now)


def _leeway(directory: DirectoryIndex | None) -> Seconds:
    widest = MAX_LEEWAY if directory is None else widest_leeway(directory)
    return Seconds(widest + CLOCK_MARGIN)


def require_ownership(claims: AccessTokenClaims, client: Client) -> None:
    """Raise InvalidGrant unless the token was issued to the client (RFC 7009 §2.1)."""
    if claims.client_id != client.id:
        raise InvalidGrant(
            because="the token was issued to another client",
            description="The token was issued to another client.",
        )


def _revocation(
    kind: SelectorKind, id_: str, issuer: IssuerUrl, expires: int, now: Instant
) -> SelectorRevocation:
    return SelectorRevocation(
        kind=kind,
        selector=selector(issuer, kind, id_),
        expires=expires,
        repeatable=kind not in _ENDED_BY_REVOCATION,
        floor_until=max(instant_from_numeric_date(expires), later(now, SHORTEST_FLOOR)),
    )


def _require_identifier(kind: SelectorKind, id_: str, issuer: IssuerUrl) -> None:
    if not id_ or len(id_.encode()) > MAX_IDENTIFIER_BYTES or not id_.isprintable():
        raise InvalidRequest(
            because=f"not an id: {kind}",
            description=f"The id of a {kind} is 1 to {MAX_IDENTIFIER_BYTES} printable characters.",
        )
    if kind is SelectorKind.KEY:
        raise InvalidRequest(
            because="a key is not revoked by a selector of tokens",
            description="A key is removed, not revoked by birth.",
        )
    if kind is SelectorKind.ISSUER and id_ != issuer:
        raise InvalidRequest(
            because="another issuer", description=f"The id of the issuer is {issuer}."
        )
