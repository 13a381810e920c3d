"""Why a request was refused: one table from reasons to what is said in public (RFC 6750 §3.1).

`Refusal` is raised inside the verifier; `TokenRefused`, with the challenge to send, leaves it.
What is said depends on the reason alone, so equal faults get equal answers, and only what the
client can act on is told apart (R-41).
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec


class Reason(StrEnum):
    """Why, in stable words for logs, metrics and tests. Never sent."""

    NO_TOKEN = "no_token"
    REPEATED_HEADER = "repeated_header"
    MALFORMED_HEADER = "malformed_header"
    MALFORMED = "malformed"
    TYPE = "type"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    LIFETIME = "lifetime"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    BINDING = "binding"
    REVOKED = "revoked"
    INACTIVE = "inactive"
    """The authority said so when it was asked (RFC 7662 §2.2)."""
    SCOPE = "scope"
    UNSYNCHRONIZED = "unsynchronized"
    STALE = "stale"
    AUTHORITY_UNREACHABLE = "authority_unreachable"
    OVERLOADED = "overloaded"


class PublicAnswer(msgspec.Struct, frozen=True):
    """What a client is told. `code` None: it presented no token, so it made no error."""

    status: int
    code: str | None
    description: str


_INVALID: Final = PublicAnswer(
    401, "invalid_token", "The access token is not valid here; get a new one."
)
_UNAVAILABLE: Final = PublicAnswer(
    503, "temporarily_unavailable", "The access token cannot be checked now; try again later."
)

ANSWERS: Final = MappingProxyType(
    {
        Reason.NO_TOKEN: PublicAnswer(401, None, "Present an access token."),
        Reason.REPEATED_HEADER: PublicAnswer(
            400, "invalid_request", "Send exactly one Authorization header."
        ),
        Reason.MALFORMED_HEADER: PublicAnswer(
            400, "invalid_request", "Send Authorization: Bearer, one space, and the access token."
        ),
        Reason.MALFORMED: _INVALID,
        Reason.TYPE: _INVALID,
        Reason.UNKNOWN_KEY: _INVALID,
        Reason.SIGNATURE: _INVALID,
        Reason.CLAIMS: _INVALID,
        Reason.ISSUER: _INVALID,
        Reason.AUDIENCE: _INVALID,
        Reason.LIFETIME: _INVALID,
        Reason.NOT_YET_VALID: _INVALID,
        Reason.EXPIRED: PublicAnswer(
            401, "invalid_token", "The access token has expired; get a new one."
        ),
        Reason.BINDING: PublicAnswer(
            401,
            "invalid_token",
            "The access token is bound to a key; it is not accepted as a bearer token.",
        ),
        Reason.REVOKED: _INVALID,
        Reason.INACTIVE: _INVALID,
        Reason.SCOPE: PublicAnswer(
            403, "insufficient_scope", "The access token lacks a scope that this request needs."
        ),
        Reason.UNSYNCHRONIZED: _UNAVAILABLE,
        Reason.STALE: _UNAVAILABLE,
        Reason.AUTHORITY_UNREACHABLE: _UNAVAILABLE,
        Reason.OVERLOADED: _UNAVAILABLE,
    }
)

RETRY_AFTER_SECONDS: Final = 1
"""`Retry-After` of each 503: the follower tries again within about that time."""


class Refusal(Exception):
    """A verifier's step said no. `because` is private: for events and audit, never sent."""

    def __init__(self, reason: Reason, because: str) -> None:
        super().__init__(because)
        self.reason = reason
        self.because = because


class TokenRefused(Exception):
    """A request that must not be served, with everything needed to answer it.

    `code` is the public error code (None when no token was presented), `challenge` the value of
    WWW-Authenticate (None for 503, where a new token would not help), `because` the private
    reason, `retry_after` whole seconds.
    """

    def __init__(self, reason: Reason, *, because: str, challenge: str | None) -> None:
        super().__init__(because)
        answer = ANSWERS[reason]
        self.reason = reason
        self.because = because
        self.code = answer.code
        self.status = answer.status
        self.description = answer.description
        self.challenge = challenge
        self.retry_after = RETRY_AFTER_SECONDS if answer.status == 503 else None

    def headers(self) -> list[tuple[str, str]]:
        """Return the response headers that belong to the refusal."""
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        if self.challenge is not None:
            headers.append(("www-authenticate", self.challenge))
        if self.retry_after is not None:
            headers.append(("retry-after", str(self.retry_after)))
        return headers

    def body(self) -> bytes:
        """Return a JSON body that says in public what the challenge says."""
        said = {"error_description": self.description}
        if self.code is not None:
            said = {"error": self.code, **said}
        return msgspec.json.encode(said)
