"""How far each verifier has come, as it last reported itself: bounded, and soon forgotten.

For `feed lag`, for metrics, and for knowing which keys verifiers hold (G-5). Reports are
authenticated by resource server; a service can misstate its own position and no one else's.
Each node knows the verifiers that report to it.
"""

from typing import Final

import msgspec

from tokenry.ports.events import Events, Level
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.identifiers import ResourceServerName, Thumbprint
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant, Seconds, has_expired, later
from tokenry.vocabulary.sequence import SequenceNumber

FORGOTTEN_AFTER: Final = Seconds(180)
MAX_POSITIONS: Final = 8192
MAX_PER_RESOURCE_SERVER: Final = 1024
"""So that one service's restarts cannot push out the others."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What one verifier process says of itself.

    `head` and `closed` are the newest it has applied; `lag_ms` the staleness it computes itself,
    None before it is synchronized; `keys` the token keys it holds.
    """

    resource_server: ResourceServerName
    instance: str
    head: SequenceNumber
    closed: Instant
    lag_ms: int | None
    keys: tuple[Thumbprint, ...]
    reported_at: Instant


class FeedPositions:
    """Positions of one issuer's verifiers, by resource server and instance."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        # In the order of their last report, oldest first, overall and within a resource server.
        self._positions: dict[tuple[ResourceServerName, str], Position] = {}
        self._count: dict[ResourceServerName, int] = {}
        self._told: set[ResourceServerName] = set()

    def report(self, position: Position) -> None:
        """Remember a position in place of the instance's last one.

        Beyond the bounds, the one that has been silent longest is forgotten.
        """
        key = (position.resource_server, position.instance)
        self._forget(key)
        if self._count.get(position.resource_server, 0) >= MAX_PER_RESOURCE_SERVER:
            self._forget(next(k for k in self._positions if k[0] == position.resource_server))
        if len(self._positions) >= MAX_POSITIONS:
            self._forget(next(iter(self._positions)))
        self._positions[key] = position
        self._count[position.resource_server] = self._count.get(position.resource_server, 0) + 1

    def lately(self) -> tuple[Position, ...]:
        """Return what was reported lately, and forget the rest."""
        now = self._clock.now()
        # The clock may have been set back in between, so that a later report can look older.
        silent = [
            key
            for key, position in self._positions.items()
            if has_expired(position.reported_at, now=now, leeway=FORGOTTEN_AFTER)
            or position.reported_at > later(now, FORGOTTEN_AFTER)
        ]
        for key in silent:
            self._forget(key)
        return tuple(self._positions.values())

    def tell(self, events: Events, *, head: SequenceNumber) -> None:
        """State the lag of each resource server's verifiers, for who scrapes metrics now."""
        of_each: dict[ResourceServerName, list[Position]] = {}
        for position in self.lately():
            of_each.setdefault(position.resource_server, []).append(position)
        for name in self._told | of_each.keys():
            positions = of_each.get(name, [])
            lags = [position.lag_ms for position in positions if position.lag_ms is not None]
            told = {
                Level.VERIFIERS: len(positions),
                Level.VERIFIERS_UNSYNCHRONIZED: len(positions) - len(lags),
                Level.VERIFIER_LAG: max(lags, default=0) / MILLISECONDS_PER_SECOND,
                Level.VERIFIER_RECORDS_BEHIND: max(
                    (head - position.head for position in positions if position.head < head),
                    default=0,
                ),
            }
            for level, value in told.items():
                events.level(level, value, resource_server=name)
        self._told = set(of_each)

    def _forget(self, key: tuple[ResourceServerName, str]) -> None:
        if self._positions.pop(key, None) is not None:
            self._count[key[0]] -= 1
            if not self._count[key[0]]:
                del self._count[key[0]]
