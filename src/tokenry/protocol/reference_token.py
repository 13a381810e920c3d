"""Opaque reference tokens: a secret for the client, a digest for the store (R-01).

`tkr_` and 43 base64url characters: 256 random bits. Only the SHA-256 is kept, so that nothing in
the database can be presented.
"""

import re
from hashlib import sha256
from typing import Final

from tokenry.vocabulary.identifiers import SECRET_BYTES, encode_base64url

PREFIX: Final = "tkr_"
RANDOM_BYTES: Final = SECRET_BYTES

_FORM: Final = re.compile(r"tkr_[A-Za-z0-9_-]{43}")


def reference_token(random: bytes) -> str:
    """Return the token made of 32 random bytes."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a reference token is made of {RANDOM_BYTES} bytes, not {len(random)}")
    return PREFIX + encode_base64url(random)


def is_reference_token(token: str) -> bool:
    """Say whether a token has the form of a reference, whatever it refers to."""
    return _FORM.fullmatch(token) is not None


def reference_digest(token: str) -> bytes:
    """Return the 32 bytes under which a reference token is stored."""
    return sha256(token.encode()).digest()
