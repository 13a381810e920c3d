"""What introspection tells a resource server about a token (RFC 7662 §2.2).

Inactive says nothing more, whatever the reason: unknown, expired, revoked, or meant for somebody
else. Active answers carry `rsn`, `grant` and `jti`, so that a cache of answers is revoked by the
feed like any token (G-1).
"""

from typing import Final

import msgspec

from tokenry.protocol.access_token import AccessTokenClaims, Confirmation
from tokenry.protocol.registry import ResourceServer
from tokenry.vocabulary.instant import Instant, Seconds, has_expired, instant_from_numeric_date


class ActiveToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer about a token that its caller may accept."""

    active: bool
    token_type: str
    iss: str
    sub: str
    aud: str
    client_id: str
    scope: str
    iat: int
    exp: int
    jti: str
    grant: str
    rsn: int
    sid: str | None = None
    device: str | None = None
    cnf: Confirmation | None = None


INACTIVE: Final = b'{"active":false}'

_encode = msgspec.json.Encoder().encode


def may_be_active(claims: AccessTokenClaims, *, caller: ResourceServer, now: Instant) -> bool:
    """Say whether a token is meant for the caller and unexpired; revocation is not looked at.

    The authority's clock issued the token, so there is no leeway.
    """
    return claims.aud == caller.audience and not has_expired(
        instant_from_numeric_date(claims.exp), now=now, leeway=Seconds(0)
    )


def active_answer(claims: AccessTokenClaims) -> bytes:
    """Return the JSON of an active token. A bound token is of the type its binding makes it."""
    bound_to_key = claims.cnf is not None and claims.cnf.jkt is not None
    return _encode(
        ActiveToken(
            active=True,
            token_type="DPoP" if bound_to_key else "Bearer",
            iss=claims.iss,
            sub=claims.sub,
            aud=claims.aud,
            client_id=claims.client_id,
            scope=claims.scope,
            iat=claims.iat,
            exp=claims.exp,
            jti=claims.jti,
            grant=claims.grant,
            rsn=claims.rsn,
            sid=claims.sid,
            device=claims.device,
            cnf=claims.cnf,
        )
    )
