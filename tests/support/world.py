"""For tests of use cases: a clock set by hand, entropy that counts, a bus that remembers."""

from collections.abc import Callable

from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, at: int = 1_800_000_000_000) -> None:
        self.at = at
        self.since_boot = 1000.0

    def now(self) -> Instant:
        return Instant(self.at)

    def boottime(self) -> float:
        return self.since_boot

    def advance(self, seconds: float) -> None:
        self.at += round(seconds * 1000)
        self.since_boot += seconds

    async def pause(self, seconds: float) -> None:
        self.advance(seconds)


class CountingEntropy:
    """Never the same twice."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return self.calls.to_bytes(size, "big")


class RememberingBus:
    """Delivers at once and remembers what was announced."""

    def __init__(self) -> None:
        self.announced: list[IssuerUrl] = []
        self._wakes: list[Callable[[IssuerUrl], None]] = []

    def announce(self, issuer: IssuerUrl) -> None:
        self.announced.append(issuer)
        for wake in list(self._wakes):
            wake(issuer)

    def subscribe(self, wake: Callable[[IssuerUrl], None]) -> Callable[[], None]:
        self._wakes.append(wake)
        return lambda: self._wakes.remove(wake)

    async def close(self) -> None:
        self._wakes.clear()
