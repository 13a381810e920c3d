"""For tests of use cases: entropy that counts and a bus that remembers."""

from collections.abc import Callable

from tokenry.vocabulary.identifiers import IssuerUrl


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
