"""The claims of an access token: each of its one type, the required ones there (RFC 9068 §2.2).

The members of a JWT and of an introspection answer (RFC 7662 §2.2) are read by the same rules.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from tokenry.resource.refusal import Reason, Refusal
from tokenry.vocabulary.bounds import MAX_IDENTIFIER_BYTES

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDENTIFIER_BYTES)]
Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class Confirmation(msgspec.Struct, frozen=True):
    """The key or certificate a token is bound to (RFC 7800 §3.1, RFC 8705 §3.1, RFC 9449 §6.1)."""

    jkt: Identifier | UnsetType = UNSET
    certificate: Identifier | UnsetType = msgspec.field(default=UNSET, name="x5t#S256")


class AccessTokenClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a verifier reads of a token. `iat`, `exp` and `nbf` are NumericDates in seconds.

    `aud` as an array is read, though only an array of one can be accepted. A token that lacks
    `rsn` or `grant` is no token of a Tokenry issuer, and could not be revoked (G-1).
    """

    iss: Identifier
    sub: Identifier
    aud: Identifier | Annotated[tuple[Identifier, ...], msgspec.Meta(min_length=1, max_length=16)]
    client_id: Identifier
    scope: str = ""
    iat: Number
    exp: Number
    nbf: Number | UnsetType = UNSET
    jti: Identifier
    grant: Identifier
    rsn: Number
    sid: Identifier | UnsetType = UNSET
    device: Identifier | UnsetType = UNSET
    cnf: Confirmation | UnsetType = UNSET


def read_claims(members: dict[str, object]) -> AccessTokenClaims:
    """Read the members of a token. Raises Refusal naming the member that is not as expected."""
    try:
        return msgspec.convert(members, AccessTokenClaims)
    except msgspec.ValidationError as fault:
        raise Refusal(Reason.CLAIMS, str(fault)) from None
