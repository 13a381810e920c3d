"""Compact JWS (RFC 7515 §7.1): put together, taken apart, and believed only when verified.

What is parsed and what is proven differ in type. The order of a verifier's steps is its
security: 1 shape, 2 header, 3 content, 4 type, 5 key, 6 algorithm, 7 signature. Between 4 and 5
a caller may go and look for the key; nothing here waits for anything.
"""

from collections.abc import Callable

import msgspec

from tokenry.jose import base64url
from tokenry.jose.header import Header, HeaderCache, header_segment, parse_header
from tokenry.jose.jwk import PublicKey
from tokenry.jose.media_type import ExpectedType, is_expected
from tokenry.jose.private_key import PrivateKey
from tokenry.jose.refusals import JwsRefused, RefusalReason
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES
from tokenry.vocabulary.identifiers import KeyId


class VerifiedJws(msgspec.Struct, frozen=True, gc=False):
    """A JWS whose signature `key` has made over `payload` and `header`."""

    payload: bytes
    key: PublicKey
    header: Header


class UnverifiedJws(msgspec.Struct, frozen=True, gc=False):
    """A well-formed JWS of which nothing is proven. `payload` may be anyone's words."""

    header: Header
    payload: bytes
    signature: bytes
    signing_input: bytes

    def require_type(self, expected_type: ExpectedType) -> None:
        """Raise JwsRefused unless `typ` is the expected one; do so before looking for a key."""
        if not is_expected(self.header.media_type, expected_type):
            raise JwsRefused(RefusalReason.UNEXPECTED_TYPE)

    def verify_with(self, key: PublicKey, *, expected_type: ExpectedType) -> VerifiedJws:
        """Prove the JWS by a key that the caller trusts for it. Raises JwsRefused."""
        # 4. The type, before anything is computed.
        self.require_type(expected_type)
        # 6. The algorithm is the key's; the header may only agree.
        if self.header.alg not in key.algorithm_names:
            raise JwsRefused(RefusalReason.ALGORITHM_MISMATCH)
        # 7. The signature.
        if not key.verify_function(self.signature, self.signing_input):
            raise JwsRefused(RefusalReason.BAD_SIGNATURE)
        return VerifiedJws(self.payload, key, self.header)


def parse_compact(
    token: str | bytes, *, limit: int = MAX_TOKEN_BYTES, headers: HeaderCache | None = None
) -> UnverifiedJws:
    """Take a compact JWS of at most `limit` characters apart. Raises JwsRefused.

    `headers` spares callers who see many tokens of few keys the parsing of equal headers.
    """
    # 1. Shape: ASCII, exactly three segments, a header and a signature in them.
    if len(token) > limit:
        raise JwsRefused(RefusalReason.TOO_LARGE)
    if isinstance(token, str):
        try:
            token = token.encode("ascii")
        except UnicodeEncodeError:
            raise JwsRefused(RefusalReason.MALFORMED) from None
    signing_input, _, signature_segment = token.rpartition(b".")
    protected, dot, payload_segment = signing_input.partition(b".")
    if not (dot and protected and signature_segment) or b"." in payload_segment:
        raise JwsRefused(RefusalReason.MALFORMED)
    # 2. The header, before what it describes.
    header = parse_header(protected) if headers is None else headers.parse(protected)
    # 3. Content, in its one canonical spelling.
    try:
        payload = base64url.decode(payload_segment)
        signature = base64url.decode(signature_segment)
    except ValueError:
        raise JwsRefused(RefusalReason.MALFORMED) from None
    return UnverifiedJws(header, payload, signature, signing_input)


def verify_compact(
    token: str | bytes,
    *,
    expected_type: ExpectedType,
    find_key: Callable[[KeyId | None], PublicKey | None],
    limit: int = MAX_TOKEN_BYTES,
    headers: HeaderCache | None = None,
) -> VerifiedJws:
    """Verify a compact JWS with a key that is at hand. Raises JwsRefused.

    `find_key` gets the unproven `kid` and returns a trusted key or None; it is asked only about
    a JWS of the expected type.
    """
    unverified = parse_compact(token, limit=limit, headers=headers)
    unverified.require_type(expected_type)
    # 5. The key, from the caller: never from the token.
    key = find_key(unverified.header.kid)
    if key is None:
        raise JwsRefused(RefusalReason.UNKNOWN_KEY)
    return unverified.verify_with(key, expected_type=expected_type)


def signing_input(header: bytes, payload: bytes) -> bytes:
    """Return the bytes to sign, from a `header_segment` and the payload as it is."""
    return header + b"." + base64url.encode(payload)


def attach(signed: bytes, signature: bytes) -> str:
    """Return the compact JWS, from the signing input and its raw signature."""
    return (signed + b"." + base64url.encode(signature)).decode("ascii")


def sign_compact(payload: bytes, *, key: PrivateKey, typ: str) -> str:
    """Sign with a key at hand, under its own algorithm and kid.

    Who signs much keeps the `header_segment` and uses the parts.
    """
    public = key.public
    signed = signing_input(header_segment(public.algorithm, public.kid, typ), payload)
    return attach(signed, key.sign(signed))
