"""The decision about one request, made from what is at hand and without waiting (R-40, G-7).

The order of the steps is the security. `decide` is what runs for every request; for a token that
was seen before it is all that runs. `examine` is what a new token passes first.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from tokenry.feed.outcomes import ViewState
from tokenry.feed.profile import Profile
from tokenry.feed.staleness import Tier, usable_scopes
from tokenry.jose import (
    HeaderCache,
    JwsRefused,
    MalformedJson,
    RefusalReason,
    parse_compact,
    parse_object,
)
from tokenry.ports.surroundings import Clock
from tokenry.resource.claims import AccessTokenClaims, read_claims
from tokenry.resource.introspection import PREFIX
from tokenry.resource.knowledge import Knowledge, Rules
from tokenry.resource.presented import PresentedRequest, presented_token, require_plausible
from tokenry.resource.refusal import Reason, Refusal
from tokenry.resource.seen import SeenToken, SeenTokens
from tokenry.resource.token_selectors import TokenSelectors
from tokenry.resource.verified import VerifiedToken
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE
from tokenry.vocabulary.identifiers import (
    Audience,
    ClientId,
    GrantId,
    IssuerUrl,
    KeyId,
    SubjectId,
    Thumbprint,
    TokenId,
)
from tokenry.vocabulary.instant import Instant, instant_from_numeric_date, later
from tokenry.vocabulary.sequence import SequenceNumber

_JWS_REASONS: Final = {
    RefusalReason.UNEXPECTED_TYPE: Reason.TYPE,
    RefusalReason.ALGORITHM_MISMATCH: Reason.SIGNATURE,
    RefusalReason.BAD_SIGNATURE: Reason.SIGNATURE,
}


class KeyNeeded(msgspec.Struct, frozen=True):
    """No decision without the key of that kid."""

    kid: KeyId


class AnswerNeeded(msgspec.Struct, frozen=True):
    """No decision before the issuer was asked about this opaque token."""

    token: bytes


class Decisions:
    """Decides for one issuer and one audience, in any thread.

    `nudge` is told of a token born after the newest record that the view has.
    """

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        audience: Audience,
        knowledge: Knowledge,
        clock: Clock,
        nudge: Callable[[SequenceNumber], None],
        capacity: int,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._knowledge = knowledge
        self._view = knowledge.view
        self._now = clock.now
        self._boottime = clock.boottime
        self._nudge = nudge
        self._seen = SeenTokens(capacity)
        self._headers = HeaderCache()
        self._selectors = TokenSelectors(issuer, audience)

    def decide(
        self, request: PresentedRequest, required: Collection[str]
    ) -> VerifiedToken | KeyNeeded | AnswerNeeded:
        """Say yes, or what is missing for a decision. Raises Refusal.

        Steps 2 to 6 are about what never changes for a token, and run once for each token.
        """
        # 1. Parse: one bearer token, in one Authorization header.
        presented = presented_token(request.headers)
        standing = self._knowledge.standing
        seen = self._seen.find(presented)
        if seen is None or seen.rules is not standing.rules:
            examined = self.examine(presented, seen, standing.rules)
            if not isinstance(examined, SeenToken):
                return examined
            seen = examined
        # 7. Time: by this machine's clock, or the signed one if that is ahead. Expired revocations
        #    are dropped by the signed one, and no token may outlive the record that revoked it.
        now = self._now()
        if now >= seen.expires or standing.closed >= seen.expires:
            raise Refusal(Reason.EXPIRED, "exp and the leeway have passed")
        # 8. Binding: a token that is bound to a key proves nothing about who sent it.
        if seen.bound:
            raise Refusal(Reason.BINDING, "cnf is in the token, and no proof was asked for")
        # 9. Revocation: every selector, again whenever the view has changed. Its version is read
        #    before the look-ups, so that what comes in meanwhile is looked for next time.
        version = self._view.version
        if seen.view_version != version:
            if self._view.matches(seen.selectors, seen.rsn) is not None:
                raise Refusal(Reason.REVOKED, f"revoked after {seen.rsn}, jti {seen.claims.jti}")
            seen.view_version = version
        # 10. Staleness: how late the view can be decides what of the token may be used.
        if now <= standing.fresh_now and self._boottime() <= standing.fresh_boottime:
            token = seen.token
        else:
            token = self._limited(seen)
        # 11. Scope.
        if not token.scopes.issuperset(required):
            self.require(token, required)
        return token

    def require(self, token: VerifiedToken, required: Collection[str]) -> None:
        """Raise Refusal unless the token's scopes allow what is required."""
        if token.scopes.issuperset(required):
            return
        if token.granted_scopes.issuperset(required):
            raise Refusal(Reason.STALE, f"news is stale ({token.tier}), which forbids the scope")
        raise Refusal(Reason.SCOPE, f"not granted: {set(required) - token.granted_scopes}")

    def examine(
        self, token: bytes, seen: SeenToken | None, rules: Rules
    ) -> SeenToken | KeyNeeded | AnswerNeeded:
        """Examine a token that is new, or was seen under other rules. Raises Refusal."""
        if seen is not None and (seen.thumbprint is None or _holds(rules, seen.thumbprint)):
            # What the issuer said of it stands; the rest is asked again.
            return self._admit(token, seen.claims, seen.token.claims, seen.thumbprint, rules)
        # 1. Parse.
        require_plausible(token)
        if token.startswith(PREFIX):
            if rules.profile is None:
                raise Refusal(Reason.UNSYNCHRONIZED, "no profile has been received yet")
            return AnswerNeeded(token)
        try:
            jws = parse_compact(token, headers=self._headers)
            # 2. Type: an access token, and nothing else that this issuer signs (RFC 9068 §4).
            jws.require_type(ACCESS_TOKEN_TYPE)
            # 3. Key: one that the issuer publishes now, of that exact kid.
            kid = jws.header.kid
            if kid is None:
                raise Refusal(Reason.UNKNOWN_KEY, "the token names no kid")
            key = rules.keys.find(kid)
            if key is None:
                return KeyNeeded(kid)
            # 4. Signature: by the key's own algorithm.
            verified = jws.verify_with(key, expected_type=ACCESS_TOKEN_TYPE)
            members = parse_object(verified.payload)
        except JwsRefused as refused:
            raise Refusal(
                _JWS_REASONS.get(refused.reason, Reason.MALFORMED), str(refused)
            ) from None
        except MalformedJson as malformed:
            raise Refusal(Reason.CLAIMS, str(malformed)) from None
        return self._admit(token, read_claims(members), members, key.thumbprint, rules)

    def take_answer(self, token: bytes, members: dict[str, object]) -> None:
        """Take the members of an active opaque token from the issuer. Raises Refusal."""
        self._admit(token, read_claims(members), members, None, self._knowledge.standing.rules)

    def _admit(
        self,
        token: bytes,
        claims: AccessTokenClaims,
        members: Mapping[str, object],
        thumbprint: Thumbprint | None,
        rules: Rules,
    ) -> SeenToken:
        # 5. Issuer, byte for byte.
        if claims.iss != self._issuer:
            raise Refusal(Reason.ISSUER, "iss is another issuer")
        # 6. Audience, byte for byte, and no other beside it.
        if claims.aud != self._audience and claims.aud != (self._audience,):
            raise Refusal(Reason.AUDIENCE, "aud is not exactly this service")
        # 7. Time, as far as it does not pass: the rest is asked at every request.
        profile = rules.profile
        if profile is None:
            raise Refusal(Reason.UNSYNCHRONIZED, "no profile has been received yet")
        self._require_lifetime(claims, profile)
        seen = SeenToken(
            claims=claims,
            thumbprint=thumbprint,
            rules=rules,
            expires=later(instant_from_numeric_date(claims.exp), profile.leeway),
            bound=claims.cnf is not UNSET,
            selectors=self._selectors.of(claims),
            rsn=SequenceNumber(claims.rsn),
            token=_verified(claims, members, self._audience),
        )
        # A token born after the newest record here needs no waiting, since none of those up to
        # that can match it; but there is news to be had.
        if claims.rsn > self._knowledge.head:
            self._nudge(seen.rsn)
        self._seen.put(token, seen)
        return seen

    def _require_lifetime(self, claims: AccessTokenClaims, profile: Profile) -> None:
        # Revocations are kept as long as the longest lifetime that is published: a token that
        # lives longer would outlive them.
        lifetime, longest = claims.exp - claims.iat, profile.max_token_lifetime
        if not 0 < lifetime <= longest:
            raise Refusal(Reason.LIFETIME, f"exp - iat is {lifetime} s, of at most {longest}")
        latest = later(self._now(), profile.leeway)
        if instant_from_numeric_date(claims.iat) > latest:
            raise Refusal(Reason.NOT_YET_VALID, "iat is in the future")
        if claims.nbf is not UNSET and instant_from_numeric_date(claims.nbf) > latest:
            raise Refusal(Reason.NOT_YET_VALID, "nbf is in the future")

    def _limited(self, seen: SeenToken) -> VerifiedToken:
        """Return the token as the age of the news allows it (R-43). Raises Refusal.

        With no scope left that may be used, nothing may: also where none is required.
        """
        tier = self._knowledge.tier()
        if tier is Tier.FRESH:
            return seen.token
        state = self._view.state
        if state is not ViewState.SYNCHRONIZED:
            raise Refusal(Reason.UNSYNCHRONIZED, f"the view is {state}")
        token = seen.limited.get(tier)
        if token is None:
            token = self._with_usable_scopes(seen, tier)
            seen.limited[tier] = token
        if not token.scopes:
            raise Refusal(Reason.STALE, f"news is stale ({tier}), which forbids every scope")
        return token

    def _with_usable_scopes(self, seen: SeenToken, tier: Tier) -> VerifiedToken:
        profile = seen.rules.profile
        scopes = (
            frozenset[str]()
            if profile is None
            else usable_scopes(seen.token.granted_scopes, tier, profile)
        )
        return msgspec.structs.replace(seen.token, scopes=scopes, tier=tier)


def _holds(rules: Rules, thumbprint: Thumbprint) -> bool:
    return any(key.thumbprint == thumbprint for key in rules.keys.keys)


def _verified(
    claims: AccessTokenClaims, members: Mapping[str, object], audience: Audience
) -> VerifiedToken:
    granted = frozenset(claims.scope.split())
    return VerifiedToken(
        issuer=IssuerUrl(claims.iss),
        subject=SubjectId(claims.sub),
        client_id=ClientId(claims.client_id),
        audience=audience,
        scopes=granted,
        granted_scopes=granted,
        tier=Tier.FRESH,
        token_id=TokenId(claims.jti),
        grant=GrantId(claims.grant),
        session=None if claims.sid is UNSET else claims.sid,
        device=None if claims.device is UNSET else claims.device,
        issued_at=Instant(instant_from_numeric_date(claims.iat)),
        expires_at=Instant(instant_from_numeric_date(claims.exp)),
        rsn=SequenceNumber(claims.rsn),
        claims=members,
    )
