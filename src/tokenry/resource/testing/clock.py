"""A clock that moves only when it is told to."""

import asyncio
import threading
from typing import Final

from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant

START: Final = Instant(1_800_000_000_000)


class ManualClock:
    """Wall time and boot time, and sleepers that wake when it has been moved far enough.

    Safe to move from any thread.
    """

    def __init__(self, now: Instant = START) -> None:
        self._now = now
        self._boottime = 1000.0
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, asyncio.Future[None], asyncio.AbstractEventLoop]] = []

    def now(self) -> Instant:
        """Return milliseconds since the epoch, UTC."""
        return self._now

    def boottime(self) -> float:
        """Return seconds since some boot."""
        return self._boottime

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake who slept until then."""
        with self._lock:
            self._now = Instant(self._now + round(seconds * MILLISECONDS_PER_SECOND))
            # Kept at whole milliseconds, so that sums of steps meet their edges exactly.
            self._boottime = round(self._boottime + seconds, 3)
            due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._boottime]
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper not in due]
        for _, sleeper, loop in due:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, sleeper)

    def set_wall_clock(self, now: Instant) -> None:
        """Set the wall clock, as an operator or NTP would; no time passes."""
        self._now = now

    async def sleep(self, seconds: float) -> None:
        """Sleep until the clock has been moved by `seconds`."""
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        with self._lock:
            self._sleepers.append((round(self._boottime + seconds, 3), sleeper, loop))
        try:
            await sleeper
        finally:
            with self._lock:
                self._sleepers = [entry for entry in self._sleepers if entry[1] is not sleeper]


def _wake(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)
