"""What a verified token says, and what of it may be used now."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from tokenry.feed.staleness import Tier
from tokenry.resource.claims import AccessTokenClaims
from tokenry.vocabulary.identifiers import (
    Audience,
    ClientId,
    GrantId,
    IssuerUrl,
    SubjectId,
    TokenId,
)
from tokenry.vocabulary.instant import Instant, instant_from_numeric_date
from tokenry.vocabulary.sequence import SequenceNumber


class VerifiedToken(msgspec.Struct, frozen=True, gc=False):
    """An access token that passed every check for one request.

    `scopes` are those usable now; `granted_scopes` all that the token grants: they differ while
    the verifier's news is stale (`tier`). `payload` is the token's JSON as it was signed.
    """

    scopes: frozenset[str]
    granted_scopes: frozenset[str]
    tier: Tier
    audience: Audience
    payload: bytes
    read: AccessTokenClaims

    @property
    def issuer(self) -> IssuerUrl:
        """Who issued it."""
        return self.read.iss

    @property
    def subject(self) -> SubjectId:
        """Whom it speaks for; the client itself under client_credentials."""
        return self.read.sub

    @property
    def client_id(self) -> ClientId:
        """Who it was issued to."""
        return self.read.client_id

    @property
    def token_id(self) -> TokenId:
        """Its `jti`."""
        return self.read.jti

    @property
    def grant(self) -> GrantId:
        """The grant it was issued under."""
        return self.read.grant

    @property
    def session(self) -> str | None:
        """The session it belongs to, if any."""
        return None if self.read.sid is UNSET else self.read.sid

    @property
    def device(self) -> str | None:
        """The registered device it belongs to, if any."""
        return None if self.read.device is UNSET else self.read.device

    @property
    def issued_at(self) -> Instant:
        """When it was issued."""
        return instant_from_numeric_date(self.read.iat)

    @property
    def expires_at(self) -> Instant:
        """When it expires, leeway not included."""
        return instant_from_numeric_date(self.read.exp)

    @property
    def rsn(self) -> SequenceNumber:
        """The revocation sequence number it was born at (G-1)."""
        return self.read.rsn

    def claims(self) -> Mapping[str, object]:
        """Return all its members, decoded anew each time."""
        members: dict[str, object] = msgspec.json.decode(self.payload)
        return members
