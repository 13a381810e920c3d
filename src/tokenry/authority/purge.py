"""Removing what has run out, continuously and in bounded batches (R-36).

What has run out is decided by the store against its newest tick, never by a clock here: without
ticks nothing is purged, so a record outlives every token it must be able to kill (G-1).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from tokenry.ports.events import Counted, Events, Noted
from tokenry.ports.store import Purged, Store
from tokenry.vocabulary.errors import Overloaded, StoreUnavailable

BATCH: Final = 500
"""Rows of each kind a batch; small, since it shares the writer with requests."""
BETWEEN_BATCHES: Final = 0.05
"""Seconds: leaves the writer to requests while there is more to remove."""
WHEN_IDLE: Final = 5.0
"""Seconds until the next look, when nothing was left."""


class Purge:
    """The background task. One batch at a time."""

    def __init__(
        self,
        *,
        store: Store,
        events: Events,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._events = events
        self._pause = pause
        self._failing = False

    async def run(self) -> None:
        """Purge until cancelled."""
        while True:
            await self._pause(BETWEEN_BATCHES if await self.batch() else WHEN_IDLE)

    async def batch(self) -> bool:
        """Remove one batch; say whether there may be more. A store that fails is asked later."""
        try:
            purged = await self._store.purge(limit=BATCH)
        except (StoreUnavailable, Overloaded) as error:
            if not self._failing:
                self._failing = True
                self._events.note(Noted.WARNING, "what has run out cannot be purged", error=error)
            return False
        self._failing = False
        return self._count(purged)

    def _count(self, purged: Purged) -> bool:
        removed = {kind: rows for kind, rows in msgspec.structs.asdict(purged).items() if rows}
        for kind, rows in removed.items():
            self._events.count(Counted.PURGED, rows, kind=kind)
        # A full batch of any kind: there is more. A part of one is all there was.
        return any(rows >= BATCH for rows in removed.values())
