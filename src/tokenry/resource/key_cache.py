"""An issuer's public keys, kept so that no request waits for them (G-5).

A `kid` that is at hand never waits. One that is not known causes one refetch at most per interval,
whoever asks and whoever goes away again. A `key` record causes one regardless, so that garbage
kids cannot starve an emergency, and drops the key for good. When a refetch fails, the keys at
hand stay.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from tokenry.jose import KeySet, KeySetRefused, PublicKey
from tokenry.ports.surroundings import Clock
from tokenry.resource.http_client import FetchFailed
from tokenry.resource.issuer_client import PublishedKeys
from tokenry.resource.metadata import MetadataRefused
from tokenry.resource.refusal import Reason, Refusal
from tokenry.resource.shared_request import SharedRequest
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId, Thumbprint
from tokenry.vocabulary.selectors import Selector, SelectorKind, selector

UNKNOWN_KEY_INTERVAL: Final = 10.0
"""Seconds between two refetches that unknown kids can cause."""
RETRY_INTERVAL: Final = 1.0
"""Seconds between two when the last one failed."""
MAX_WAITING: Final = 1000
"""Requests that may wait for one fetch; more are refused at once, with 503 (G-8)."""
SHORTEST_KEEP: Final = 30
LONGEST_KEEP: Final = 3600
DEFAULT_KEEP: Final = 300
"""Seconds a key set is kept, when its max-age is absent; otherwise max-age between the bounds."""


class KeyCache:
    """The keys of one use. Reads never wait and are safe from any thread; fetches are in one loop.

    `on_change` is told the new keys after each change.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[PublishedKeys]],
        *,
        issuer: IssuerUrl,
        clock: Clock,
        on_change: Callable[[KeySet], None] = lambda _keys: None,
    ) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._clock = clock
        self._on_change = on_change
        self._dropped: set[Selector] = set()
        self._keys = KeySet.of(())
        self._fetching = SharedRequest(self._fetch_now)
        self._failure: str | None = None
        self._unknown_allowed_at = float("-inf")
        self._due_at = float("-inf")

    @property
    def thumbprints(self) -> tuple[Thumbprint, ...]:
        """The keys at hand, by thumbprint."""
        return tuple(key.thumbprint for key in self._keys.keys)

    @property
    def seconds_until_due(self) -> float:
        """How long the keys at hand may still be kept without asking."""
        return max(0.0, self._due_at - self._clock.boottime())

    def find(self, kid: KeyId | None) -> PublicKey | None:
        """Return the key of that kid, if it is at hand."""
        return None if kid is None else self._keys.find(kid)

    async def obtain(self, kid: KeyId | None) -> PublicKey | None:
        """Return the key of that kid, fetching at most once per interval; None: there is none.

        Raises FetchFailed when the issuer could not be asked, so that nobody can tell; Refusal
        (overloaded) when too many wait already.
        """
        # First, since news and requests must not wait for a fetch that they do not need.
        if kid is None:
            return None
        if (found := self.find(kid)) is not None:
            return found
        if self._fetching.is_under_way or self._clock.boottime() >= self._unknown_allowed_at:
            if self._fetching.waiting >= MAX_WAITING:
                raise Refusal(Reason.OVERLOADED, f"{MAX_WAITING} requests wait for keys")
            await self._fetching.answer()
        if (found := self.find(kid)) is None and self._failure is not None:
            raise FetchFailed(f"the keys of {self._issuer} are not to be had: {self._failure}")
        return found

    async def refresh(self) -> bool:
        """Fetch now. Says whether that worked; otherwise the keys at hand stay in use."""
        if self._fetching.is_under_way:
            # What calls for this one may have happened after that one was answered.
            await self._fetching.answer()
        await self._fetching.answer()
        return self._failure is None

    async def close(self) -> None:
        """End the fetch under way."""
        await self._fetching.close()

    def drop(self, dropped: Selector) -> None:
        """Never use the key that a `key` record names again, and fetch what came in its place."""
        if dropped not in self._dropped:
            self._dropped.add(dropped)
            self._due_at = self._unknown_allowed_at = float("-inf")
            self._take(self._keys)

    async def _fetch_now(self) -> None:
        # Before the fetch: whatever becomes of it, and of who asked, the next one has to wait.
        # A key dropped meanwhile allows another at once.
        self._unknown_allowed_at = self._clock.boottime() + UNKNOWN_KEY_INTERVAL
        try:
            published = await self._fetch()
            keys = KeySet.from_jwks(published.document)
        except (FetchFailed, MetadataRefused, KeySetRefused) as fault:
            self._failure = str(fault)
            self._unknown_allowed_at = self._clock.boottime() + RETRY_INTERVAL
            self._due_at = self._clock.boottime() + SHORTEST_KEEP
        else:
            self._failure = None
            self._due_at = self._clock.boottime() + _keep(published.max_age)
            self._take(keys)

    def _take(self, keys: KeySet) -> None:
        kept = KeySet.of(key for key in keys.keys if self._selector(key) not in self._dropped)
        if _names(kept) != _names(self._keys):
            self._keys = kept
            self._on_change(kept)

    def _selector(self, key: PublicKey) -> Selector:
        return selector(self._issuer, SelectorKind.KEY, key.thumbprint)


def _names(keys: KeySet) -> frozenset[tuple[str | None, str]]:
    return frozenset((key.kid, key.thumbprint) for key in keys.keys)


def _keep(max_age: int | None) -> int:
    return DEFAULT_KEEP if max_age is None else min(max(max_age, SHORTEST_KEEP), LONGEST_KEEP)
