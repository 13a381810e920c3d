"""Two of the three families of failure: a wrong request, and broken infrastructure.

A protocol error has a public `code` (registered, RFC 6749 §5.2 and its kin), a public `description`
that says what was expected, and a private `because` that is kept for the audit entry and never
sent. The second family, a lost race, is not an exception: ports return it as an outcome.
"""

from typing import ClassVar


class ProtocolError(Exception):
    """A request that must be refused. `status` is the HTTP status the specification names."""

    code: ClassVar[str] = "invalid_request"
    status: ClassVar[int] = 400
    default_description: ClassVar[str] = "The request is malformed."

    def __init__(self, *, because: str, description: str | None = None) -> None:
        super().__init__(because)
        self.because = because
        self.is_recorded = False
        """Whether it stands in the record already (R-60)."""
        self.description = description or self.default_description


class InvalidRequest(ProtocolError):
    """A parameter is missing, repeated or malformed (RFC 6749 §5.2)."""


class InvalidClient(ProtocolError):
    """Client authentication failed; the answer never says which part (RFC 6749 §5.2)."""

    code = "invalid_client"
    status = 401
    default_description = "Client authentication failed."


class InvalidGrant(ProtocolError):
    """The grant is invalid, expired, revoked or was issued to someone else (RFC 6749 §5.2)."""

    code = "invalid_grant"
    default_description = "The grant is invalid, expired or revoked."


class UnauthorizedClient(ProtocolError):
    """The client may not use this grant type (RFC 6749 §5.2)."""

    code = "unauthorized_client"
    default_description = "The client is not allowed to use this grant type."


class UnsupportedGrantType(ProtocolError):
    """The authority knows no such grant type (RFC 6749 §5.2)."""

    code = "unsupported_grant_type"
    default_description = (
        "The grant type is not supported; grant_types_supported lists those that are."
    )


class InvalidScope(ProtocolError):
    """A scope is unknown, malformed or beyond what the client may have (RFC 6749 §5.2)."""

    code = "invalid_scope"
    default_description = "A requested scope is unknown or not allowed for this client."


class InvalidTarget(ProtocolError):
    """The resource is missing, unknown, ambiguous or not allowed (RFC 8707 §2)."""

    code = "invalid_target"
    default_description = "Name one declared resource in the resource parameter."


class UnsupportedTokenType(ProtocolError):
    """The authority does not revoke this kind of token (RFC 7009 §2.2.1)."""

    code = "unsupported_token_type"
    default_description = "Tokens of this type cannot be revoked."


class InvalidToken(ProtocolError):
    """A presented bearer token is missing, malformed, expired or revoked (RFC 6750 §3.1)."""

    code = "invalid_token"
    status = 401
    default_description = "The token is invalid."


class InsufficientScope(ProtocolError):
    """The caller is known and may not do this (RFC 6750 §3.1)."""

    code = "insufficient_scope"
    status = 403
    default_description = "The caller lacks the needed permission."


class InfrastructureFailure(Exception):
    """Something Tokenry depends on is broken. Rendered blandly with a trace id, never swallowed."""


class StoreUnavailable(InfrastructureFailure):
    """The store cannot commit or read; nothing may be answered as if it had (G-4)."""


class StoreFull(StoreUnavailable):
    """The disk is full: nothing was written; free space and the authority goes on by itself."""


class SignerUnavailable(InfrastructureFailure):
    """No active key can sign."""


class ClockIsOff(InfrastructureFailure):
    """This node's clock is not the database's: it must not issue, judge or publish (G-1)."""


class Overloaded(InfrastructureFailure):
    """A bounded queue is full. Refused before any work; try again after `retry_after` (G-8)."""

    def __init__(self, what: str, *, retry_after: int = 1) -> None:
        super().__init__(f"{what} is full")
        self.retry_after = retry_after
