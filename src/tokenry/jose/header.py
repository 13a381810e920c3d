"""The protected header of a compact JWS: read strictly, and remembered by callers who see many."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tokenry.jose import base64url
from tokenry.jose.algorithms import KNOWN_NAMES, Algorithm
from tokenry.jose.media_type import normal_media_type
from tokenry.jose.refusals import JwsRefused, RefusalReason
from tokenry.jose.strict_json import parse_object
from tokenry.vocabulary.bounds import MAX_IDENTIFIER_BYTES
from tokenry.vocabulary.identifiers import KeyId

MAX_HEADER_SEGMENT: Final = 4096
"""Characters; holds an ML-DSA-44 key in `jwk`, the largest header with a purpose here."""
MAX_TYP_CHARACTERS: Final = 255
_MAX_REMEMBERED_SEGMENT: Final = 512

# Each would change what is signed or where keys come from. None is understood, and a header
# that asks for it was not made for Tokenry (RFC 7797, RFC 7516 §4.1.3, RFC 7515 §4.1.2, §4.1.5).
_UNSUPPORTED: Final = frozenset({"b64", "zip", "jku", "x5u"})


class Header(msgspec.Struct, frozen=True):
    """What a header claims. Nothing of it is proven until the signature is.

    `media_type` is `typ` in normal form. `jwk` is the embedded key, unparsed: it proves only who
    holds it, never whom to trust.
    """

    alg: str
    kid: KeyId | None
    typ: str | None
    media_type: str | None
    jwk: dict[str, object] | None


def parse_header(segment: bytes) -> Header:
    """Parse a header segment (base64url). Raises JwsRefused.

    Members with no meaning here are ignored (RFC 7515 §4), those that would change the meaning
    of others are refused.
    """
    # 1. Bounds and encoding.
    if len(segment) > MAX_HEADER_SEGMENT:
        raise JwsRefused(RefusalReason.TOO_LARGE)
    try:
        members = parse_object(base64url.decode(segment))
    except ValueError:
        raise JwsRefused(RefusalReason.MALFORMED) from None
    # 2. What asks for behaviour that is not there.
    if "crit" in members:
        raise JwsRefused(RefusalReason.UNKNOWN_CRITICAL)
    if not _UNSUPPORTED.isdisjoint(members):
        raise JwsRefused(RefusalReason.UNSUPPORTED_HEADER)
    # 3. The algorithm: of the table, or nothing further matters.
    alg = members.get("alg")
    if not isinstance(alg, str):
        raise JwsRefused(RefusalReason.MALFORMED)
    if alg not in KNOWN_NAMES:
        raise JwsRefused(RefusalReason.UNKNOWN_ALGORITHM)
    # 4. The rest, each of its one type.
    typ = _typ(members)
    return Header(
        alg=alg,
        kid=_kid(members),
        typ=typ,
        media_type=None if typ is None else normal_media_type(typ),
        jwk=_jwk(members),
    )


def _typ(members: dict[str, object]) -> str | None:
    if "typ" not in members:
        return None
    typ = members["typ"]
    # ASCII, since lowering other letters can make two different names equal.
    if isinstance(typ, str) and typ.isascii() and 0 < len(typ) <= MAX_TYP_CHARACTERS:
        return typ
    raise JwsRefused(RefusalReason.MALFORMED)


def _kid(members: dict[str, object]) -> KeyId | None:
    if "kid" not in members:
        return None
    kid = members["kid"]
    if isinstance(kid, str) and 0 < len(kid.encode()) <= MAX_IDENTIFIER_BYTES:
        return KeyId(kid)
    raise JwsRefused(RefusalReason.MALFORMED)


def _jwk(members: dict[str, object]) -> dict[str, object] | None:
    if "jwk" not in members:
        return None
    jwk = members["jwk"]
    if isinstance(jwk, dict):
        return jwk
    raise JwsRefused(RefusalReason.MALFORMED)


def header_segment(
    algorithm: Algorithm,
    kid: str | None,
    typ: str,
    *,
    jwk: Mapping[str, object] | None = None,
) -> bytes:
    """Return the encoded header of every token of one key and type: make it once, keep it.

    `jwk` embeds a public key where a profile asks for it (RFC 9449 §4.2), in place of a `kid`.
    """
    members: dict[str, object] = {"alg": Algorithm(algorithm).value}
    if kid is not None:
        members["kid"] = kid
    members["typ"] = typ
    if jwk is not None:
        members["jwk"] = jwk
    return base64url.encode(msgspec.json.encode(members))


class HeaderCache:
    """Parsed headers by their exact segment, for a caller whose tokens share a few.

    Owned by the caller, bounded, and safe to share between threads. Reading a header is a pure
    function of its bytes, so nobody can make a remembered header mean something else; a flood
    of different ones only makes everyone parse.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._headers: dict[bytes, Header] = {}

    def __len__(self) -> int:
        return len(self._headers)

    def parse(self, segment: bytes) -> Header:
        """Return the header of a segment. Raises JwsRefused like `parse_header`."""
        header = self._headers.get(segment)
        return self._parse_and_remember(segment) if header is None else header

    def _parse_and_remember(self, segment: bytes) -> Header:
        header = parse_header(segment)
        # A header with an embedded key belongs to one sender, and its dict could be changed.
        if header.jwk is None and len(segment) <= _MAX_REMEMBERED_SEGMENT:
            if len(self._headers) >= self._capacity:
                # All at once: evicting one by one is not atomic, and would be no better here.
                self._headers.clear()
            self._headers[segment] = header
        return header
