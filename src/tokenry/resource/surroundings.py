"""The world a verifier runs in: its clock, its way to wait, its entropy. Tests bring their own."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Final

import msgspec

from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.identifiers import Entropy
from tokenry.vocabulary.instant import Instant

# CLOCK_BOOTTIME goes on while the machine sleeps; elsewhere the nearest there is.
_boottime: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class SystemClock:
    """This machine's clocks."""

    def now(self) -> Instant:
        """Return milliseconds since the epoch, UTC."""
        # Not Instant(...): calling the NewType would be a thirtieth of verifying a seen token.
        return time.time_ns() // 1_000_000  # type: ignore[return-value]

    def boottime(self) -> float:
        """Return seconds since boot, suspended time included."""
        return _boottime()


class Surroundings(msgspec.Struct, frozen=True):
    """`sleep` takes seconds; it is the only way a verifier waits for time to pass."""

    clock: Clock
    sleep: Callable[[float], Coroutine[object, object, None]]
    entropy: Entropy

    async def within(self, seconds: float, what: Awaitable[object]) -> None:
        """Wait for `what`, but not longer than `seconds`; it is cancelled then."""
        waiting = asyncio.ensure_future(what)
        patience = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({waiting, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            patience.cancel()


def this_machine() -> Surroundings:
    """Return the real ones."""
    return Surroundings(SystemClock(), asyncio.sleep, os.urandom)
