"""A clock that stands still until a test moves it."""

from tokenry.vocabulary.instant import Instant, Seconds

START = Instant(1_800_000_000_000)


class ManualClock:
    def __init__(self, now: Instant = START, boottime: float = 1000.0) -> None:
        self._now = now
        self._boottime = boottime

    def now(self) -> Instant:
        return self._now

    def boottime(self) -> float:
        return self._boottime

    def advance(self, by: Seconds | float) -> None:
        """Let time pass, on both clocks."""
        self._now = Instant(self._now + round(by * 1000))
        self._boottime += by

    def set_back(self, by: Seconds | float) -> None:
        """Set the wall clock back, as an operator or a faulty time server would."""
        self._now = Instant(self._now - round(by * 1000))
