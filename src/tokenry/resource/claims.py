"""The claims of an access token: each of its one type, the required ones there (RFC 9068 §2.2).

The payload of a JWT and an introspection answer (RFC 7662 §2.2) are read by the same rules.
"""

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from tokenry.jose import MalformedJson, parse_object
from tokenry.resource.refusal import Reason, Refusal
from tokenry.vocabulary.bounds import MAX_IDENTIFIER_BYTES
from tokenry.vocabulary.identifiers import (
    Audience,
    ClientId,
    GrantId,
    IssuerUrl,
    SubjectId,
    TokenId,
)
from tokenry.vocabulary.sequence import SequenceNumber

_SHORT: Final = msgspec.Meta(min_length=1, max_length=MAX_IDENTIFIER_BYTES)
_NUMBER: Final = msgspec.Meta(ge=0, lt=1 << 53)
Identifier = Annotated[str, _SHORT]
NumericDate = Annotated[int, _NUMBER]


class Confirmation(msgspec.Struct, frozen=True, gc=False):
    """The key or certificate a token is bound to (RFC 7800 §3.1, RFC 8705 §3.1, RFC 9449 §6.1)."""

    jkt: Identifier | UnsetType = UNSET
    certificate: Identifier | UnsetType = msgspec.field(default=UNSET, name="x5t#S256")


class AccessTokenClaims(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a verifier reads of a token. `iat`, `exp` and `nbf` are NumericDates in seconds.

    `aud` as an array is read, though only an array of one can be accepted. A token that lacks
    `rsn` or `grant` is no token of a Tokenry issuer, and could not be revoked (G-1).
    """

    iss: Annotated[IssuerUrl, _SHORT]
    sub: Annotated[SubjectId, _SHORT]
    aud: Annotated[Audience, _SHORT] | Annotated[tuple[Audience, ...], msgspec.Meta(max_length=16)]
    client_id: Annotated[ClientId, _SHORT]
    scope: str = ""
    iat: NumericDate
    exp: NumericDate
    nbf: NumericDate | UnsetType = UNSET
    jti: Annotated[TokenId, _SHORT]
    grant: Annotated[GrantId, _SHORT]
    rsn: Annotated[SequenceNumber, _NUMBER]
    sid: Identifier | UnsetType = UNSET
    device: Identifier | UnsetType = UNSET
    cnf: Confirmation | UnsetType = UNSET


_CLAIMS: Final = msgspec.json.Decoder(AccessTokenClaims)
_ENCODER: Final = msgspec.json.Encoder()


def read_claims(payload: bytes) -> AccessTokenClaims:
    """Read a JSON object. Raises Refusal naming what is not as expected.

    No id that was read contains NUL.
    """
    try:
        claims = _CLAIMS.decode(payload)
        # What is written again as it was read has no member twice, at any depth. That holds for
        # tokens of our own issuers that have no further claims; every other spelling is looked
        # through, which takes ten times as long.
        if _ENCODER.encode(claims) != payload:
            parse_object(payload)
        # NUL separates the parts of what a selector is made of; within an id it would let two ids
        # look alike. JSON can say it in this way alone.
        if b"\\u0000" in payload and "\0" in "".join(_ids(claims)):
            raise Refusal(Reason.CLAIMS, "an id contains NUL")
    except (MalformedJson, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise Refusal(Reason.CLAIMS, str(fault)) from None
    return claims


def _ids(claims: AccessTokenClaims) -> Iterator[str]:
    for value in msgspec.structs.astuple(claims):
        if isinstance(value, str):
            yield value
        elif isinstance(value, Confirmation):
            yield from (key for key in (value.jkt, value.certificate) if key is not UNSET)
