"""Upper bounds on everything that comes from outside (G-8), in one place for docs to cite."""

from typing import Final

from tokenry.vocabulary.instant import Seconds

MAX_BODY_BYTES: Final = 64 * 1024
MAX_PARAMETERS: Final = 64
MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 32 * 1024
MAX_TOKEN_BYTES: Final = 16 * 1024
"""Longest compact JWS or opaque token that is looked at."""
MAX_SCOPES: Final = 64
MAX_IDENTIFIER_BYTES: Final = 512
MAX_WAITING_PLANS: Final = 1000
"""Plans waiting for a commit; above it requests are refused before any work (G-4, G-8)."""
MAX_FEED_SUBSCRIBERS: Final = 4096
MAX_SUBSCRIBERS_PER_RESOURCE_SERVER: Final = 1024
"""Of those, what the verifiers of one service can take, so that none can shut out the others."""
MAX_ASSERTION_LIFETIME: Final = Seconds(300)
"""`exp` of a client assertion may lie at most this far ahead; its replay key is kept as long."""
MAX_TOKEN_LIFETIME: Final = Seconds(24 * 3600)
"""No resource server may declare longer access tokens: revocations are kept that long."""
MAX_LEEWAY: Final = Seconds(60)
"""No resource server may declare a wider leeway of its verifiers' clocks."""
REVOCATION_WINDOW: Final = Seconds(60)
TOKENS_REVOKED_PER_WINDOW: Final = 600
"""Tokens that a client may revoke one by one in a window; further ones take their grant with them,
and those of client credentials all tokens of the client."""
