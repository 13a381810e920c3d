"""What a verified token says, and what of it may be used now."""

from collections.abc import Mapping

import msgspec

from tokenry.feed.staleness import Tier
from tokenry.vocabulary.identifiers import (
    Audience,
    ClientId,
    GrantId,
    IssuerUrl,
    SubjectId,
    TokenId,
)
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber


class VerifiedToken(msgspec.Struct, frozen=True, kw_only=True):
    """An access token that passed every check for one request.

    `scopes` are those usable now; `granted_scopes` all that the token grants: they differ while
    the verifier's news is stale (`tier`). `claims` are all members of the token, to be read only.
    """

    issuer: IssuerUrl
    subject: SubjectId
    client_id: ClientId
    audience: Audience
    scopes: frozenset[str]
    granted_scopes: frozenset[str]
    tier: Tier
    token_id: TokenId
    grant: GrantId
    session: str | None
    device: str | None
    issued_at: Instant
    expires_at: Instant
    rsn: SequenceNumber
    claims: Mapping[str, object]
