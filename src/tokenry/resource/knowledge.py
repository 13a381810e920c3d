"""What a verifier knows: its view of revocations, the profile in force, the keys (G-1).

One thread writes here, the one that follows the feed. Decisions read `standing`, one immutable
object that is replaced whole, and `view`, from any thread.
"""

import asyncio
from typing import Final

import msgspec

from tokenry.feed.frame import Frame
from tokenry.feed.heartbeat import Heartbeat
from tokenry.feed.outcomes import FrameOutcome, Installed, SnapshotOutcome, ViewState
from tokenry.feed.profile import MAX_LEEWAY, Profile
from tokenry.feed.snapshot import LoadedSnapshot
from tokenry.feed.staleness import ClockReading, Deadline, Tier
from tokenry.feed.view import RevocationView
from tokenry.jose import KeySet
from tokenry.ports.surroundings import Clock
from tokenry.resource.events import (
    Alarm,
    AlarmKind,
    EventHook,
    KeysChanged,
    Synchronized,
    TierChanged,
)
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber

NEVER_SYNCHRONIZED: Final = SequenceNumber(-1)


class Rules(msgspec.Struct, frozen=True, eq=False):
    """What a token's examination depends on besides the token; a new object when it changes."""

    profile: Profile | None
    keys: KeySet


class Standing(msgspec.Struct, frozen=True, eq=False):
    """All that a decision reads besides the view.

    `fresh_now` and `fresh_boottime` are the moments up to which the view is fresh if no further
    news comes; after them the tier is worked out exactly. `closed` is the signed clock: a token
    has expired when either that or the local clock says so.
    """

    rules: Rules
    fresh_now: Instant
    fresh_boottime: float
    closed: Instant


_NOTHING_KNOWN: Final = Rules(profile=None, keys=KeySet.of(()))


class Knowledge:
    """Takes verified news in and keeps `standing` true."""

    def __init__(self, issuer: IssuerUrl, *, capacity: int, clock: Clock, tell: EventHook) -> None:
        # Kept for the longest leeway a profile may allow, since the profile can change.
        self.view = RevocationView(issuer, leeway=MAX_LEEWAY, capacity=capacity)
        self.standing = Standing(_NOTHING_KNOWN, Instant(-1), -1.0, Instant(0))
        self._clock = clock
        self._tell = tell
        self._tier = Tier.NOTHING
        self._clock_fault = False
        self._outdated_since: float | None = None
        self._news = asyncio.Event()

    @property
    def profile(self) -> Profile | None:
        """The profile in force."""
        return self.standing.rules.profile

    @property
    def head(self) -> SequenceNumber:
        """The last number applied, below every number before the first snapshot."""
        head = self.view.head
        return NEVER_SYNCHRONIZED if head is None else head

    def reading(self) -> ClockReading:
        """Return the two clocks at this moment."""
        return ClockReading(self._clock.now(), self._clock.boottime())

    def tier(self) -> Tier:
        """Return what may be served at this moment."""
        profile = self.profile
        if profile is None:
            return Tier.NOTHING
        at = self.reading()
        tier = self.view.tier(profile.tiers, at)
        since = self._outdated_since
        if tier is Tier.FRESH and since is not None and at.boottime > since + profile.tiers.fresh:
            # News comes, but not the profile in force that it speaks of: whoever passes it on
            # may hold back what the new profile forbids.
            return Tier.REDUCED
        return tier

    async def usable(self) -> None:
        """Wait until the view is fresh.

        A snapshot alone may be older than that, since an issuer need not make one each second.
        """
        while self.tier() is not Tier.FRESH:
            await self.changed()

    def take_frame(self, frame: Frame, at: ClockReading) -> FrameOutcome:
        """Apply a verified frame received at `at`."""
        outcome = self.view.apply_frame(frame, at)
        self._after(outcome)
        return outcome

    def take_heartbeat(self, heartbeat: Heartbeat, at: ClockReading) -> FrameOutcome:
        """Compare a verified heartbeat received at `at`."""
        outcome = self.view.apply_heartbeat(heartbeat, at)
        self._after(outcome)
        return outcome

    def take_profile(self, profile: Profile) -> bool:
        """Put a verified profile in force; say False if it is older than the one that is."""
        current = self.profile
        if current is not None and profile.profile < current.profile:
            return False
        if profile != current:
            self._set(Rules(profile=profile, keys=self.standing.rules.keys))
        return True

    def take_keys(self, keys: KeySet) -> None:
        """Use exactly these keys for tokens from now on."""
        self._set(Rules(profile=self.profile, keys=keys))
        self._tell(KeysChanged(tuple(key.thumbprint for key in keys.keys)))

    def install(self, snapshot: LoadedSnapshot, at: ClockReading) -> SnapshotOutcome:
        """Put a loaded snapshot, received at `at`, in the view's place."""
        outcome = self.view.install(snapshot, at)
        if isinstance(outcome, Installed):
            self._tell(Synchronized(self.head, outcome.count))
        self._after(outcome)
        return outcome

    def overflow(self) -> None:
        """Take note that there is more than the view may hold."""
        self._after(self.view.overflow())

    def removed_keys(self) -> frozenset[Selector]:
        """Return the keys that `key` records have dropped."""
        return frozenset(self.view.removed_keys)

    def notice_tier(self) -> None:
        """Tell if what may be served has changed since the last time."""
        now = self.tier()
        if now is not self._tier:
            before, self._tier = self._tier, now
            self._tell(TierChanged(before, now))

    async def changed(self) -> None:
        """Wait for the next news of any kind."""
        await self._news.wait()

    def _after(self, outcome: FrameOutcome | SnapshotOutcome) -> None:
        if outcome.alarm:
            full = self.view.state is ViewState.FULL
            kind = AlarmKind.VIEW_FULL if full else AlarmKind.HISTORY
            self._tell(Alarm(kind, repr(outcome)))
        if self.view.clock_fault and not self._clock_fault:
            self._tell(Alarm(AlarmKind.CLOCK, "this machine's clock is over a second behind"))
        self._clock_fault = self.view.clock_fault
        self._set(self.standing.rules)

    def _set(self, rules: Rules) -> None:
        profile = rules.profile
        fresh = None if profile is None else self._fresh_until(profile)
        self.standing = Standing(rules, *_moments(fresh), self.view.closed)
        self.notice_tier()
        # A new event for the next news; everyone who waited for this one goes on.
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _fresh_until(self, profile: Profile) -> Deadline:
        """Return until when the view is fresh: the profile is news as well."""
        deadline = self.view.deadline(profile.tiers.fresh)
        if profile.profile >= self.view.profiles:
            self._outdated_since = None
            return deadline
        if self._outdated_since is None:
            self._outdated_since = self._clock.boottime()
        return Deadline(
            deadline.now, min(deadline.boottime, self._outdated_since + profile.tiers.fresh)
        )


def _moments(deadline: Deadline | None) -> tuple[Instant, float]:
    return (Instant(-1), -1.0) if deadline is None else (deadline.now, deadline.boottime)
