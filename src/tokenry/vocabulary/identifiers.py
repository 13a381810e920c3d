"""Typed identifiers, so that one kind of id cannot be passed for another.

Ids that Tokenry makes itself are 128-bit random handles (G-1): a revocation selector made from
one tells nothing to who does not hold the token.
"""

import base64
from collections.abc import Callable
from typing import NewType

IssuerUrl = NewType("IssuerUrl", str)
"""The issuer identifier exactly as published; compared byte for byte (RFC 8414 §3.3)."""
Audience = NewType("Audience", str)
"""The absolute URI that names a resource server (RFC 8707 §2)."""
ClientId = NewType("ClientId", str)
SubjectId = NewType("SubjectId", str)
TokenId = NewType("TokenId", str)
"""`jti` (RFC 7519 §4.1.7)."""
GrantId = NewType("GrantId", str)
KeyId = NewType("KeyId", str)
Thumbprint = NewType("Thumbprint", str)
"""RFC 7638 SHA-256 thumbprint of a public key, base64url."""
ResourceServerName = NewType("ResourceServerName", str)
"""The short name a resource server authenticates with."""
OperatorName = NewType("OperatorName", str)
TraceId = NewType("TraceId", str)

Entropy = Callable[[int], bytes]
"""Return that many unpredictable bytes; `os.urandom` in production."""

HANDLE_BYTES = 16
SECRET_BYTES = 32


def encode_base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def new_handle(entropy: Entropy) -> str:
    """Return a fresh 128-bit handle, 22 base64url characters."""
    return encode_base64url(entropy(HANDLE_BYTES))


def new_secret(entropy: Entropy) -> str:
    """Return a fresh 256-bit secret, 43 base64url characters."""
    return encode_base64url(entropy(SECRET_BYTES))
