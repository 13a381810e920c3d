"""One tick a second through the store: the clock by which verifiers know how stale they are (G-1).

A tick is the database's clock, committed. As long as ticks are committed, heartbeats are fresh; a
node that cannot commit cannot make one. The tick also shows how far this node's own clock is off.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tokenry.ports.events import Counted, Events, Level, Noted
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.errors import ClockIsOff, Overloaded, StoreUnavailable
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant, Seconds

INTERVAL: Final = Seconds(1)
MAX_CLOCK_OFFSET: Final = Seconds(1)
"""A node whose clock is further off the database's refuses to serve (G-1)."""
TICKLESS: Final = Seconds(5)
"""Without a tick for this long verifiers degrade, so the node is not ready either."""


class Ticker:
    """Commits ticks. `ticked` are called after each, on the event loop: publishers read then."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        events: Events,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.ticked: list[Callable[[], None]] = []
        self._store = store
        self._clock = clock
        self._events = events
        self._pause = pause
        self._last_at: float | None = None
        self._offset_ms = 0
        self._wall_at_tick: Instant | None = None
        self._failing = False

    async def run(self) -> None:
        """Tick until cancelled. A store that fails is asked again each second."""
        due = self._clock.boottime()
        while True:
            await self.tick()
            # From when it was due, so that ticks do not drift apart by the time they take; but
            # never a burst of those that were missed.
            due = max(due + INTERVAL, self._clock.boottime())
            await self._pause(max(0.0, due - self._clock.boottime()))

    async def tick(self) -> None:
        """Commit one tick and compare the clocks. What fails is counted and noted once."""
        before = self._clock.now()
        try:
            tick = await self._store.tick()
        except (StoreUnavailable, Overloaded) as error:
            self._events.count(Counted.TICK_FAILED)
            if not self._failing:
                self._failing = True
                self._events.note(
                    Noted.ERROR,
                    "no tick can be committed: verifiers will narrow what they allow",
                    error=error,
                )
            return
        after = self._clock.now()
        self._last_at = self._clock.boottime()
        if self._failing:
            self._failing = False
            self._events.note(Noted.INFO, "ticks are committed again")
        self._compare(before, tick, after)
        for listener in self.ticked:
            listener()

    def _compare(self, before: Instant, tick: Instant, after: Instant) -> None:
        was_off = self.clock_is_off
        # The database looked at its clock between the two; anything between is no difference.
        self._offset_ms = min(0, after - tick) or max(0, before - tick)
        self._wall_at_tick = after
        self._events.level(Level.CLOCK_OFFSET, self._offset_ms / MILLISECONDS_PER_SECOND)
        if self.clock_is_off and not was_off:
            self._events.note(
                Noted.ERROR,
                "this node's clock is off the database's by more than a second: it stops serving"
                " until they agree; check time synchronization on both",
                offset_ms=self._offset_ms,
            )

    @property
    def clock_is_off(self) -> bool:
        """Say whether this node's clock is too far off the database's to serve.

        Known without waiting for the next tick: since the last one, the clock has to have moved as
        far as the one that is never set.
        """
        return abs(self._offset_now()) > MAX_CLOCK_OFFSET * MILLISECONDS_PER_SECOND

    def require_right_clock(self) -> None:
        """Raise ClockIsOff while the clock is too far off the database's to serve."""
        if self.clock_is_off:
            raise ClockIsOff(
                f"this node's clock is {self._offset_now()} ms off the database's: check time"
                " synchronization on both"
            )

    def _offset_now(self) -> int:
        if self._wall_at_tick is None or self._last_at is None:
            return self._offset_ms
        passed = self._clock.now() - self._wall_at_tick
        really_passed = (self._clock.boottime() - self._last_at) * MILLISECONDS_PER_SECOND
        return self._offset_ms + round(passed - really_passed)

    @property
    def not_ready_because(self) -> str | None:
        """Return why this node should get no requests now, or None."""
        if self._last_at is None:
            return "no tick has been committed yet"
        if self._clock.boottime() - self._last_at > TICKLESS:
            return f"no tick has been committed for {TICKLESS} s: the store does not answer"
        if self.clock_is_off:
            return f"the clock is {self._offset_now()} ms off the database's"
        return None
