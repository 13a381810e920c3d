"""Claim names, token types and grant types: the registered words, and the few of Tokenry's own.

Registered claims: RFC 7519 §4.1, RFC 9068 §2.2, RFC 7800 (`cnf`), OpenID Connect (`sid`).
"""

from typing import Final

ISSUER: Final = "iss"
SUBJECT: Final = "sub"
AUDIENCE: Final = "aud"
EXPIRES: Final = "exp"
ISSUED_AT: Final = "iat"
NOT_BEFORE: Final = "nbf"
TOKEN_ID: Final = "jti"
CLIENT_ID: Final = "client_id"
SCOPE: Final = "scope"
SESSION: Final = "sid"
CONFIRMATION: Final = "cnf"
JWK_THUMBPRINT: Final = "jkt"
CERTIFICATE_THUMBPRINT: Final = "x5t#S256"

RSN: Final = "rsn"
"""Tokenry: the revocation sequence number at which the token's inputs were read (G-1)."""
GRANT: Final = "grant"
"""Tokenry: the grant the token was issued under, a random handle (G-1)."""
DEVICE: Final = "device"
"""Tokenry: the registered device the token is bound to, a random handle (R-13)."""

ACCESS_TOKEN_TYPE: Final = "at+jwt"
"""RFC 9068 §2.1, without the "application/" prefix as RFC 7515 §4.1.9 recommends."""

CLIENT_CREDENTIALS: Final = "client_credentials"
JWT_BEARER_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
