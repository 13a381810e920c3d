"""The verifier a service holds: it follows one issuer for one audience, and decides locally.

`decision` has the numbered steps; here is what is around them: starting, stopping, fetching what
a decision lacked, and saying no in public.
"""

import os
import threading
import weakref
from collections.abc import Collection
from typing import Final, Self, TypedDict
from urllib.parse import urlsplit

from tokenry.feed.frame import NOTHING_STATED
from tokenry.feed.staleness import Tier
from tokenry.feed.view import DEFAULT_CAPACITY as DEFAULT_LIVE_REVOCATIONS
from tokenry.resource.challenges import Challenges, require_scope_names
from tokenry.resource.decision import AnswerNeeded, Decisions, KeyNeeded
from tokenry.resource.events import EventHook, Refused, quietly, unheard
from tokenry.resource.following import Following
from tokenry.resource.http_client import Credentials, Fetcher, FetchFailed, default_fetcher
from tokenry.resource.knowledge import Knowledge
from tokenry.resource.metadata import require_secure
from tokenry.resource.presented import PresentedRequest
from tokenry.resource.protected_resource import metadata_url
from tokenry.resource.refusal import ANSWERS, Reason, Refusal, TokenRefused
from tokenry.resource.seen import DEFAULT_CAPACITY as DEFAULT_SEEN_TOKENS
from tokenry.resource.surroundings import Surroundings, this_machine
from tokenry.resource.verified import VerifiedToken
from tokenry.vocabulary.identifiers import Audience, IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber

DEFAULT_FIRST_SYNC: Final = 5.0
MAX_WAITING: Final = 1000
"""Requests that may wait for the first synchronization; more are refused at once (G-8)."""
_ANY: Final = frozenset[str]()
_MOST_ROUNDS: Final = 3
"""Fetches for one request: a key, say, and again if the keys changed meanwhile."""
_REVIVAL_INTERVAL: Final = 1.0
"""Seconds between two starts by requests that found the follower ended."""
_verifiers: Final = weakref.WeakSet["Verifier"]()
_inherited: Final[list[object]] = []
"""What a parent process was using: kept untouched, since closing it would disturb the parent."""


class VerifierOptions(TypedDict, total=False):
    """The optional arguments of `Verifier`."""

    first_sync: float
    realm: str | None
    on_event: EventHook
    fetcher: Fetcher | None
    surroundings: Surroundings | None
    max_live_revocations: int
    max_seen_tokens: int


class Verifier:
    """Verifies access tokens of `issuer` for `audience`.

    `credentials` authenticate this service to the issuer's feed and introspection. `issuer` and
    `audience` are compared byte for byte; neither has a default, and the algorithm is always that
    of the issuer's key.

    Before the first synchronization every token is refused with 503. `first_sync` is for how many
    seconds, from the start, requests wait for it instead; 0: they do not.

    `on_event` hears of refusals and of the feed (`tokenry.resource.events`). `fetcher` replaces
    the default HTTP client of `tokenry[http]`, and stays the caller's to close.
    `max_live_revocations` and `max_seen_tokens` bound the memory used.

    Follows from the first request, or from `start`, until `close`. It belongs to the event loop
    that it was started in, and starts anew in another one or after a fork. Raises ValueError for
    an issuer or audience that cannot be one, MissingHttpClient at the start.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        credentials: Credentials | tuple[str, str],
        first_sync: float = DEFAULT_FIRST_SYNC,
        realm: str | None = None,
        on_event: EventHook = unheard,
        fetcher: Fetcher | None = None,
        surroundings: Surroundings | None = None,
        max_live_revocations: int = DEFAULT_LIVE_REVOCATIONS,
        max_seen_tokens: int = DEFAULT_SEEN_TOKENS,
    ) -> None:
        self.issuer = IssuerUrl(require_secure(issuer))
        self.audience = _required_audience(audience)
        self._credentials = (
            credentials if isinstance(credentials, Credentials) else Credentials(*credentials)
        )
        self._first_sync = first_sync
        self._tell = quietly(on_event)
        self._given_fetcher = fetcher
        self._surroundings = this_machine() if surroundings is None else surroundings
        self._max_live_revocations = max_live_revocations
        self._max_seen_tokens = max_seen_tokens
        self._challenges = Challenges(resource_metadata=metadata_url(self.audience), realm=realm)
        self._following: Following | None = None
        self._closed = False
        # Held while a follower is started or given up, and never across an await.
        self._starting = threading.Lock()
        self._begin()
        _verifiers.add(self)

    async def verify(
        self, request: PresentedRequest, *, required_scopes: Collection[str] = _ANY
    ) -> VerifiedToken:
        """Return the request's token, all checks passed. Raises TokenRefused.

        With stale news only part of a token's scopes may be used: `VerifiedToken.scopes`. Waits
        only for a key or an introspection answer that is not at hand, or for the first sync.
        Raises TypeError or ValueError for scopes that are none.
        """
        if isinstance(required_scopes, str):
            require_scope_names(required_scopes)
        try:
            if not self._ready:
                await self._become_ready()
            decided = self._decisions.decide(request, required_scopes)
            if isinstance(decided, VerifiedToken):
                return decided
            following = self._following
            if following is None or following.loop.is_running():
                return await self._fetch_and_decide(request, required_scopes, decided)
        except Refusal as refusal:
            following = self._has_ended(refusal)
            if following is None:
                raise self.refused(refusal, required_scopes) from None
        self._give_up(following)
        return await self.verify(request, required_scopes=required_scopes)

    def verify_at_hand(
        self, request: PresentedRequest, *, required_scopes: Collection[str] = _ANY
    ) -> VerifiedToken | None:
        """Decide without waiting, in any thread, as `verify` does. Raises TokenRefused.

        None: something must be fetched or started first, so `verify` has to be awaited.
        """
        if isinstance(required_scopes, str):
            require_scope_names(required_scopes)
        if not self._ready:
            return None
        try:
            decided = self._decisions.decide(request, required_scopes)
        except Refusal as refusal:
            if self._has_ended(refusal) is not None:
                return None
            raise self.refused(refusal, required_scopes) from None
        return decided if isinstance(decided, VerifiedToken) else None

    def require(self, token: VerifiedToken, scopes: Collection[str]) -> None:
        """Demand further scopes of a verified token. Raises TokenRefused."""
        if isinstance(scopes, str):
            require_scope_names(scopes)
        try:
            self._decisions.require(token, scopes)
        except Refusal as refusal:
            raise self.refused(refusal, scopes) from None

    @property
    def tier(self) -> Tier:
        """What the age of the news allows at this moment."""
        return self._knowledge.tier()

    @property
    def head(self) -> SequenceNumber | None:
        """The newest revocation record applied; None before the first synchronization."""
        return self._knowledge.view.head

    async def start(self) -> None:
        """Follow the issuer, and wait up to `first_sync` seconds for the first synchronization.

        Returns either way; `tier` tells. Does nothing if that was done before in a loop that
        still runs.
        """
        self._closed = False
        if self._following is not None and not self._following.loop.is_running():
            self._give_up(self._following)
        if not self._ready:
            await self._become_ready()

    async def close(self) -> None:
        """Stop following. Later requests are refused, until `start` is called again."""
        with self._starting:
            following, self._following = self._following, None
            self._closed = True
            self._begin()
        if following is not None:
            await following.close()

    async def applied(self, number: SequenceNumber, *, closed: Instant = NOTHING_STATED) -> None:
        """Wait until record `number` is applied, and news as of `closed` has come.

        For tests and tools, never for requests.
        """
        if self._following is None:
            await self.start()
        knowledge = self._knowledge
        while knowledge.head < number or knowledge.view.closed < closed:
            await knowledge.changed()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    def _begin(self) -> None:
        """Know nothing, as in a new process."""
        self._ready = False
        self._waiting = 0
        self._started_at = float("-inf")
        self._knowledge = Knowledge(
            self.issuer,
            capacity=self._max_live_revocations,
            clock=self._surroundings.clock,
            tell=self._tell,
        )
        self._decisions = Decisions(
            issuer=self.issuer,
            audience=self.audience,
            knowledge=self._knowledge,
            clock=self._surroundings.clock,
            nudge=self._nudge,
            capacity=self._max_seen_tokens,
        )

    async def _become_ready(self) -> None:
        """Start if that was not done, and let the first requests wait for the first sync."""
        if self._closed:
            raise Refusal(Reason.UNSYNCHRONIZED, "the verifier is closed")
        following, knowledge = self._followed()
        left = self._started_at + self._first_sync - self._surroundings.clock.boottime()
        if knowledge.tier() is not Tier.FRESH and left > 0:
            if self._waiting >= MAX_WAITING:
                raise Refusal(Reason.OVERLOADED, f"{MAX_WAITING} requests wait for the first sync")
            self._waiting += 1
            try:
                await following.synchronized(patience=left)
            finally:
                self._waiting -= 1
        if knowledge is self._knowledge:
            self._ready = True

    def _followed(self) -> tuple[Following, Knowledge]:
        """Return what follows in a loop that runs, started here and now if nothing does."""
        with self._starting:
            following = self._following
            if following is not None and not following.loop.is_running():
                following.abandon()
                self._begin()
                following = None
            if following is None:
                following = self._follow()
            return following, self._knowledge

    def _give_up(self, following: Following) -> None:
        """Begin anew, unless another request has done that already."""
        with self._starting:
            if self._following is following:
                self._following = None
                following.abandon()
                self._begin()

    def _follow(self) -> Following:
        own = self._given_fetcher is None
        following = Following(
            issuer=self.issuer,
            audience=self.audience,
            credentials=self._credentials,
            knowledge=self._knowledge,
            fetcher=default_fetcher() if self._given_fetcher is None else self._given_fetcher,
            close_fetcher=own,
            surroundings=self._surroundings,
            tell=self._tell,
        )
        self._following = following
        self._started_at = self._surroundings.clock.boottime()
        following.start()
        return following

    async def _fetch_and_decide(
        self,
        request: PresentedRequest,
        required_scopes: Collection[str],
        needed: KeyNeeded | AnswerNeeded,
    ) -> VerifiedToken:
        for _ in range(_MOST_ROUNDS):
            following = self._following
            if following is None:
                raise Refusal(Reason.UNSYNCHRONIZED, "the verifier was closed meanwhile")
            # What is fetched is fetched where the feed is followed, be it in another thread.
            await following.in_its_loop(self._fetch(needed, following))
            decided = self._decisions.decide(request, required_scopes)
            if isinstance(decided, VerifiedToken):
                return decided
            needed = decided
        # Only if keys or memory change under every attempt.
        raise Refusal(Reason.OVERLOADED, f"no decision in {_MOST_ROUNDS} rounds")

    async def _fetch(self, needed: KeyNeeded | AnswerNeeded, following: Following) -> None:
        match needed:
            case KeyNeeded(kid):
                try:
                    key = await following.token_keys.obtain(kid)
                except FetchFailed as fault:
                    raise Refusal(Reason.AUTHORITY_UNREACHABLE, str(fault)) from None
                if key is None:
                    raise Refusal(Reason.UNKNOWN_KEY, "no key of the issuer has that kid")
            case AnswerNeeded(token):
                answer = await following.introspection.answer_for(token)
                self._decisions.take_answer(token, answer)

    def _has_ended(self, refusal: Refusal) -> Following | None:
        """Return the follower if a refusal for stale news is due to its end, or its loop's."""
        following = self._following
        if (
            following is None
            or ANSWERS[refusal.reason].status != 503
            or following.is_alive
            or self._closed
        ):
            return None
        # One that ended by itself may do so again at once; a loop that ended will not.
        revivable = self._surroundings.clock.boottime() >= self._started_at + _REVIVAL_INTERVAL
        return following if revivable or not following.loop.is_running() else None

    def _nudge(self, number: SequenceNumber) -> None:
        if self._following is not None and self._following.is_alive:
            self._following.nudge(number)

    def refused(self, refusal: Refusal, scopes: Collection[str]) -> TokenRefused:
        """Return what leaves a verifier for a refusal inside of it, and tell of it."""
        require_scope_names(scopes)
        self._tell(Refused(refusal.reason, refusal.because))
        challenge = self._challenges.challenge(refusal.reason, scopes=scopes)
        return TokenRefused(refusal.reason, because=refusal.because, challenge=challenge)

    def _after_fork(self) -> None:
        """Forget what belongs to the parent process: its loop, its connections, its view."""
        self._starting = threading.Lock()  # the old one may be held by a thread that is not here
        if self._following is not None:
            _inherited.append(self._following)
            self._following = None
        self._begin()


def _required_audience(audience: str) -> Audience:
    parts = urlsplit(audience)
    if not parts.scheme or "#" in audience or not (parts.netloc or parts.path):
        raise ValueError(
            f"expected audience to be an absolute URI without fragment (RFC 8707 §2), "
            f"found {audience!r}"
        )
    return Audience(audience)


def _forget_in_child() -> None:
    for verifier in list(_verifiers):
        verifier._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
