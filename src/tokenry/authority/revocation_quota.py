"""How many tokens each client may revoke one by one, so that none fills every view (G-8).

Counted by this node: behind several, a client has as many quotas. What is remembered is one number
for each client that revoked something in the present window.
"""

from tokenry.protocol.access_token import AccessTokenClaims
from tokenry.vocabulary.bounds import REVOCATION_WINDOW, TOKENS_REVOKED_PER_WINDOW
from tokenry.vocabulary.identifiers import ClientId
from tokenry.vocabulary.instant import Instant, numeric_date
from tokenry.vocabulary.selectors import SelectorKind


class RevocationQuota:
    """The quotas of one issuer's clients."""

    def __init__(self) -> None:
        self._window = -1
        self._taken: dict[ClientId, int] = {}

    def take(self, client_id: ClientId, *, now: Instant) -> bool:
        """Say whether the client may revoke one more token by itself, and count it."""
        window = numeric_date(now) // REVOCATION_WINDOW
        if window != self._window:
            self._window = window
            self._taken.clear()
        taken = self._taken.get(client_id, 0)
        if taken >= TOKENS_REVOKED_PER_WINDOW:
            return False
        self._taken[client_id] = taken + 1
        return True


def beyond_the_quota(claims: AccessTokenClaims) -> tuple[SelectorKind, str]:
    """Return what is revoked in place of a single token: everything that it was born with.

    That is its grant. With client credentials each token has a grant of its own, which would
    bound nothing, so all tokens of the client go: they are its own, and it can ask for others.
    """
    if str(claims.sub) == claims.client_id:
        return SelectorKind.CLIENT, claims.client_id
    return SelectorKind.GRANT, claims.grant
