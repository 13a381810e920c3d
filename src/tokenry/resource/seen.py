"""Tokens that were examined before, within bounds: two generations of a dict."""

from typing import Final

import msgspec

from tokenry.feed.staleness import Tier
from tokenry.resource.knowledge import Rules
from tokenry.resource.verified import VerifiedToken
from tokenry.vocabulary.identifiers import Thumbprint
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber

DEFAULT_CAPACITY: Final = 20_000
"""Tokens remembered; about 4 kB each."""


class SeenToken(msgspec.Struct, eq=False, gc=False):
    """A token that issuer and audience fit, and what each further request compares.

    `expires` includes the leeway. `thumbprint` names the key that signed it, None for an opaque
    token. `view_version` is the version of the view as it was *before* the look-ups that found
    none of the selectors; -1 before the first. `limited` holds the token as stale news allow it.
    """

    thumbprint: Thumbprint | None
    rules: Rules
    expires: Instant
    bound: bool
    selectors: frozenset[Selector]
    rsn: SequenceNumber
    token: VerifiedToken
    view_version: int = -1
    limited: dict[Tier, VerifiedToken] | None = None


class SeenTokens:
    """Finds a token in one or two look-ups; what was not asked for lately is forgotten.

    Only tokens that the issuer has vouched for get in, so garbage displaces nothing. Safe to use
    from several threads: each step is one operation on a dict, and losing a race loses a memory.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._half = max(1, capacity // 2)
        self._young: dict[bytes, SeenToken] = {}
        self._old: dict[bytes, SeenToken] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, token: bytes) -> SeenToken | None:
        """Return what is remembered of a token."""
        seen = self._young.get(token)
        if seen is None:
            seen = self._old.pop(token, None)
            if seen is not None:
                self.put(token, seen)
        return seen

    def put(self, token: bytes, seen: SeenToken) -> None:
        """Remember a token, in place of those that were not asked for longest."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[token] = seen
