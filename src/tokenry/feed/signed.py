"""The signed objects of the feed: their types, and the one way in which each is verified (G-7)."""

from enum import StrEnum
from typing import Final

from tokenry.jose import Algorithm, KeySet, PublicKey, verify_compact
from tokenry.vocabulary.identifiers import KeyId

MAX_SIGNED_BYTES: Final = 256 * 1024
"""Longest signed object: a heartbeat of about a thousand issuers. A full frame has 37 KiB."""


class SignedType(StrEnum):
    """`typ` of each signed object: none can be taken for another, nor for a token."""

    FRAME = "tokenry-frame+jws"
    HEARTBEAT = "tokenry-heartbeat+jws"
    PROFILE = "tokenry-profile+jws"
    SNAPSHOT = "tokenry-snapshot+jws"


def verified_payload(compact: str | bytes, *, expected: SignedType, keys: KeySet) -> bytes:
    """Return the payload of an object that a feed key has signed.

    `keys` are those of the feed's own JWKS. Raises jose's JwsRefused: for another type, for a
    missing or unknown kid (reason UNKNOWN_KEY: fetch the JWKS again), for any key but ES256, or
    a bad signature.
    """

    def feed_key(kid: KeyId | None) -> PublicKey | None:
        key = None if kid is None else keys.find(kid)
        return key if key is not None and key.algorithm is Algorithm.ES256 else None

    return verify_compact(
        compact, expected_type=expected, find_key=feed_key, limit=MAX_SIGNED_BYTES
    ).payload
