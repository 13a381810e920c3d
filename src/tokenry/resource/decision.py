"""The decision about one request, made from what is at hand and without waiting (R-40, G-7).

The order of the steps is the security. `decide` is what runs for every request; for a token that
was seen before it is all that runs. `examine` is what a new token passes first.
"""

from collections.abc import Callable, Collection
from typing import Final

import msgspec
from msgspec import UNSET

from tokenry.feed.outcomes import ViewState
from tokenry.feed.profile import Profile
from tokenry.feed.staleness import Tier, usable_scopes
from tokenry.jose import (
    HeaderCache,
    JwsRefused,
    RefusalReason,
    parse_compact,
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
    IssuerUrl,
    KeyId,
    Thumbprint,
)
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant
from tokenry.vocabulary.sequence import SequenceNumber

MAX_SCOPE_SETS: Final = 1024
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
        self._scope_sets: dict[str, frozenset[str]] = {}
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
        # 7. Time: by this machine's clock and by the signed one. Expired revocations
        #    are dropped by the signed one, and no token may outlive the record that revoked it.
        now = self._now()
        if now >= seen.expires or standing.closed >= seen.expires:
            raise _expired(now, seen)
        # 8. Binding: a token that is bound to a key proves nothing about who sent it.
        if seen.bound:
            raise Refusal(Reason.BINDING, "cnf is in the token, and no proof was asked for")
        # 9. Revocation: every selector, again whenever the view has changed. Its version is read
        #    before the look-ups, so that what comes in meanwhile is looked for next time.
        version = self._view.version
        if seen.view_version != version:
            if self._view.matches(seen.selectors, seen.rsn) is not None:
                raise Refusal(
                    Reason.REVOKED, f"revoked after {seen.rsn}, jti {seen.token.token_id}"
                )
            # A record may have been dropped since step 7, and then the signed clock has moved.
            self._require_unexpired(seen)
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
        if rules.profile is None:
            raise Refusal(Reason.UNSYNCHRONIZED, "no profile has been received yet")
        if seen is not None and (seen.thumbprint is None or _holds(rules, seen.thumbprint)):
            # What the issuer said of it stands; the rest is asked again.
            return self._admit(token, seen.token.payload, seen.thumbprint, rules)
        # 1. Parse.
        require_plausible(token)
        if token.startswith(PREFIX):
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
        except JwsRefused as refused:
            raise Refusal(
                _JWS_REASONS.get(refused.reason, Reason.MALFORMED), str(refused)
            ) from None
        return self._admit(token, verified.payload, key.thumbprint, rules)

    def take_answer(self, token: bytes, answer: bytes) -> None:
        """Take what the issuer says of an active opaque token. Raises Refusal."""
        self._admit(token, answer, None, self._knowledge.standing.rules)

    def _admit(
        self, token: bytes, payload: bytes, thumbprint: Thumbprint | None, rules: Rules
    ) -> SeenToken:
        claims = read_claims(payload)
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
        granted = self._scopes(claims.scope)
        seen = SeenToken(
            thumbprint=thumbprint,
            rules=rules,
            expires=Instant((claims.exp + profile.leeway) * MILLISECONDS_PER_SECOND),
            bound=claims.cnf is not UNSET,
            selectors=self._selectors.of(claims),
            rsn=claims.rsn,
            token=VerifiedToken(granted, granted, Tier.FRESH, self._audience, payload, claims),
        )
        # A token born after the newest record here needs no waiting, since none of those up to
        # that can match it; but there is news to be had.
        head = self._view.head
        if head is not None and claims.rsn > head:
            self._nudge(claims.rsn)
        self._seen.put(token, seen)
        return seen

    def _require_lifetime(self, claims: AccessTokenClaims, profile: Profile) -> None:
        # Revocations are kept as long as the longest lifetime that is published: a token that
        # lives longer would outlive them.
        lifetime, longest = claims.exp - claims.iat, profile.max_token_lifetime
        if not 0 < lifetime <= longest:
            raise Refusal(Reason.LIFETIME, f"exp - iat is {lifetime} s, of at most {longest}")
        latest = self._now() // MILLISECONDS_PER_SECOND + profile.leeway
        if claims.iat > latest:
            raise Refusal(Reason.NOT_YET_VALID, "iat is in the future")
        if claims.nbf is not UNSET and claims.nbf > latest:
            raise Refusal(Reason.NOT_YET_VALID, "nbf is in the future")

    def _scopes(self, scope: str) -> frozenset[str]:
        """Split a scope (RFC 6749 §3.3); the few that there are share their sets."""
        scopes = self._scope_sets.get(scope)
        if scopes is None:
            scopes = frozenset(scope.split())
            if len(self._scope_sets) >= MAX_SCOPE_SETS:
                self._scope_sets.clear()
            self._scope_sets[scope] = scopes
        return scopes

    def _require_unexpired(self, seen: SeenToken) -> None:
        if self._view.closed >= seen.expires:
            raise _expired(self._now(), seen)

    def _limited(self, seen: SeenToken) -> VerifiedToken:
        """Return the token as the age of the news allows it (R-43). Raises Refusal.

        With no scope left that may be used, nothing may: also where none is required.
        """
        tier = self._knowledge.tier()
        # The tier is of news that may have come since step 7.
        self._require_unexpired(seen)
        if tier is Tier.FRESH:
            return seen.token
        state = self._view.state
        if state is not ViewState.SYNCHRONIZED:
            raise Refusal(Reason.UNSYNCHRONIZED, f"the view is {state}")
        limited = seen.limited
        if limited is None:
            limited = seen.limited = {}
        token = limited.get(tier)
        if token is None:
            token = limited[tier] = _with_usable_scopes(seen, tier)
        if not token.scopes:
            raise Refusal(Reason.STALE, f"news is stale ({tier}), which forbids every scope")
        return token


def _expired(now: Instant, seen: SeenToken) -> Refusal:
    if now >= seen.expires:
        return Refusal(Reason.EXPIRED, "exp and the leeway have passed")
    # One of two clocks is wrong. If it is the database's, which may have stepped ahead, a new
    # token would fare no better: no client should be sent for one.
    return Refusal(Reason.STALE, "expired by the signed clock, but not by this machine's")


def _with_usable_scopes(seen: SeenToken, tier: Tier) -> VerifiedToken:
    profile, granted = seen.rules.profile, seen.token.granted_scopes
    usable = frozenset[str]() if profile is None else usable_scopes(granted, tier, profile)
    return msgspec.structs.replace(seen.token, scopes=usable, tier=tier)


def _holds(rules: Rules, thumbprint: Thumbprint) -> bool:
    return any(key.thumbprint == thumbprint for key in rules.keys.keys)
