"""How late a verifier's news can be, and what that allows (G-1, R-43).

Staleness is the larger of (now + o − closed) and the time since `closed` was received on a clock
that neither steps nor stops while the machine sleeps. o is the largest (closed − now) seen at a
receipt, at least 0: so much this machine's clock may be behind the database's.

What was seen belongs to the wall clock as it was then. When that clock is set, as seen beside the
boot clock, it moves along: otherwise a machine that woke with a wrong time, and was put right,
would count as stale for ever, and one set back would count as fresh.
"""

from enum import StrEnum
from typing import Final

import msgspec

from tokenry.feed.profile import Profile, Tiers
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant, Seconds

CLOCK_FAULT_BEYOND: Final = 1000
"""Milliseconds that `closed` may lie ahead of this machine's clock."""
_STEP: Final = 500
"""Milliseconds beyond which the two clocks disagree because one was set, not because it drifts."""


class ClockReading(msgspec.Struct, frozen=True, gc=False):
    """This machine's two clocks at one moment: UTC, and seconds since boot, sleep included."""

    now: Instant
    boottime: float


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """Until when a staleness is not exceeded, if nothing more arrives: both must hold."""

    now: Instant
    boottime: float

    def holds(self, now: Instant, boottime: float) -> bool:
        """Say whether neither clock has passed it."""
        return now <= self.now and boottime <= self.boottime


PASSED: Final = Deadline(Instant(-1), -1.0)


class Staleness:
    """The age of the newest `closed`, from signed times, the wall clock and the boot clock."""

    def __init__(self) -> None:
        self.closed = Instant(0)
        """The newest tick up to which the view is known to be complete."""
        self._behind: int | None = None
        """The largest (closed − now), in terms of the wall clock as it was at `_last`."""
        self._last: ClockReading | None = None
        self._received: ClockReading | None = None

    @property
    def clock_fault(self) -> bool:
        """Whether this machine's clock was seen more than a second behind, and not set since."""
        return self._behind is not None and self._behind > CLOCK_FAULT_BEYOND

    def observe(self, closed: Instant, at: ClockReading, *, complete: bool) -> None:
        """Take note of a verified `closed`, received at `at`.

        `complete` says that the view holds everything up to it. A repeat of an old one never
        makes anything fresher.
        """
        before = self._behind_at(at)
        self._behind = closed - at.now if before is None else max(before, closed - at.now)
        self._last = at
        if complete and closed > self.closed:
            self.closed = closed
            self._received = at

    def milliseconds(self, at: ClockReading) -> int | None:
        """Return the staleness at `at`, None if no `closed` was ever complete."""
        if self._received is None:
            return None
        by_wall_clock = at.now + max(self._behind_at(at) or 0, 0) - self.closed
        since_receipt = at.boottime - self._received.boottime
        return max(by_wall_clock, round(since_receipt * MILLISECONDS_PER_SECOND), 0)

    def deadline(self, limit: Seconds) -> Deadline:
        """Return until when staleness stays within `limit`, for hot paths to compare with."""
        if self._received is None or self._last is None:
            return PASSED
        behind = max(self._behind or 0, 0)
        until = self.closed + limit * MILLISECONDS_PER_SECOND - behind
        left = (until - self._last.now) / MILLISECONDS_PER_SECOND
        return Deadline(
            now=Instant(until),
            boottime=min(self._last.boottime + left, self._received.boottime + limit),
        )

    def _behind_at(self, at: ClockReading) -> int | None:
        """Return `_behind` in terms of the wall clock as it is at `at`."""
        if self._last is None or self._behind is None:
            return self._behind
        on_boot_clock = round((at.boottime - self._last.boottime) * MILLISECONDS_PER_SECOND)
        step = at.now - self._last.now - on_boot_clock
        return self._behind - step if abs(step) > _STEP else self._behind


class Tier(StrEnum):
    """What the age of the verifier's news allows."""

    FRESH = "fresh"
    """Everything the token grants."""
    REDUCED = "reduced"
    """Scopes marked low-risk."""
    SURVIVAL = "survival"
    """The scopes listed for survival, none by default."""
    NOTHING = "nothing"


def tier_at(staleness: int | None, tiers: Tiers) -> Tier:
    """Return the tier of a staleness in milliseconds; None, never synchronized, allows nothing."""
    if staleness is None:
        return Tier.NOTHING
    for tier, limit in (
        (Tier.FRESH, tiers.fresh),
        (Tier.REDUCED, tiers.reduced),
        (Tier.SURVIVAL, tiers.survival),
    ):
        if staleness <= limit * MILLISECONDS_PER_SECOND:
            return tier
    return Tier.NOTHING


def usable_scopes(granted: frozenset[str], tier: Tier, profile: Profile) -> frozenset[str]:
    """Return which of a token's scopes may be used in a tier."""
    if tier is Tier.FRESH:
        return granted
    if tier is Tier.REDUCED:
        return granted & profile.low_risk_scopes
    if tier is Tier.SURVIVAL:
        return granted & profile.survival_scopes
    return frozenset()
