"""Chain values that a view remembers, to notice a history told in two ways (G-1)."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from tokenry.feed.chain import ChainHead
from tokenry.feed.record import ChainValue
from tokenry.vocabulary.instant import Instant, Seconds, later
from tokenry.vocabulary.sequence import SequenceNumber

KEPT_FOR: Final = Seconds(30 * 24 * 3600)
RECENT: Final = 1024
"""So many of the newest are all kept; of older ones, the first of each `SPACING`."""
SPACING: Final = Seconds(900)


class Anchors:
    """Numbers with their chain values, ascending, at most 30 days old by the signed `closed`.

    Bounded: some 4,000 however many frames arrive.
    """

    def __init__(self) -> None:
        self._numbers: list[SequenceNumber] = []
        self._chains: list[ChainValue] = []
        self._closed: list[Instant] = []
        self._settled = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[ChainHead]:
        """Yield what is remembered, ascending."""
        return map(ChainHead, self._numbers, self._chains)

    def add(self, head: ChainHead, *, closed: Instant) -> None:
        """Remember a head above every number so far, reached when `closed` was the newest tick."""
        self._numbers.append(head.last)
        self._chains.append(head.chain)
        self._closed.append(closed)
        # Settling in batches keeps what this costs per frame constant.
        if len(self._numbers) - self._settled >= 2 * RECENT:
            self._thin_out(len(self._numbers) - RECENT)
        if self._closed[0] < later(closed, Seconds(-KEPT_FOR)):
            self._forget_before(later(closed, Seconds(-KEPT_FOR)))

    def newest_between(self, lowest: SequenceNumber, highest: SequenceNumber) -> ChainHead | None:
        """Return the highest remembered head from `lowest` to `highest`, both included."""
        at = bisect_right(self._numbers, highest) - 1
        if at < 0 or self._numbers[at] < lowest:
            return None
        return ChainHead(self._numbers[at], self._chains[at])

    def _thin_out(self, end: int) -> None:
        kept = list(range(self._settled))
        newest = self._closed[kept[-1]] if kept else None
        for at in range(self._settled, end):
            if newest is None or self._closed[at] >= later(newest, SPACING):
                kept.append(at)
                newest = self._closed[at]
        self._settled = len(kept)
        kept.extend(range(end, len(self._numbers)))
        self._keep(kept)

    def _forget_before(self, oldest: Instant) -> None:
        first = next(at for at, closed in enumerate(self._closed) if closed >= oldest)
        self._settled = max(0, self._settled - first)
        self._keep(list(range(first, len(self._numbers))))

    def _keep(self, kept: list[int]) -> None:
        self._numbers = [self._numbers[at] for at in kept]
        self._chains = [self._chains[at] for at in kept]
        self._closed = [self._closed[at] for at in kept]
