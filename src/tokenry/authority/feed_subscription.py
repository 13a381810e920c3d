"""One subscriber of the feed: what it still has to be sent, bounded (G-8)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from tokenry.vocabulary.identifiers import ResourceServerName

MAX_WAITING_BLOCKS: Final = 256
"""Some five seconds of frames at the highest rate. Who is further behind resumes instead."""


class Subscription:
    """Ready-made blocks of server-sent events, in order, shared with every other subscriber.

    First what brings the subscriber up to the head, then what is published meanwhile and after.
    """

    def __init__(
        self,
        resource_server: ResourceServerName,
        *,
        secret: bytes | None = None,
        leave: Callable[["Subscription"], None],
    ) -> None:
        self.resource_server: Final = resource_server
        self.secret: Final = secret
        """Digest of the secret that it was opened with: it ends with it."""
        self.was_dropped = False
        self.when_dropped: Callable[[], None] | None = None
        self._leave = leave
        self._opening: AsyncIterator[bytes] | None = None
        self._waiting: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False

    async def next(self) -> bytes | None:
        """Return all that waits, waiting for something first; None when the stream has ended.

        Not for use by several tasks at once. Raises InfrastructureFailure when what is missing
        cannot be read: end the stream, and let the subscriber resume.
        """
        if self._opening is not None and not self._ended:
            async for block in self._opening:
                return block
            self._opening = None
        while not self._waiting:
            if self._ended:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if len(self._waiting) == 1:
            return self._waiting.popleft()
        blocks = b"".join(self._waiting)
        self._waiting.clear()
        return blocks

    def open_with(self, opening: AsyncIterator[bytes]) -> None:
        """Send this before anything that is offered. For the publisher, once."""
        self._opening = opening

    def offer(self, block: bytes) -> bool:
        """Queue a block; say False, and queue nothing, if too many wait. For the publisher."""
        if self._ended or len(self._waiting) >= MAX_WAITING_BLOCKS:
            return self._ended
        self._waiting.append(block)
        # As `_wake`, without a call: this is done for every subscriber of every frame.
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        return True

    def drop(self) -> None:
        """End it because it reads too slowly: what waits is not sent. For the publisher."""
        self.was_dropped = True
        self._waiting.clear()
        self.end()
        if self.when_dropped is not None:
            self.when_dropped()

    def end(self) -> None:
        """End the stream once what waits has been sent. For both sides; twice is no error."""
        if not self._ended:
            self._ended = True
            self._wake()
            self._leave(self)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
