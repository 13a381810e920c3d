"""One request for all who want its answer, and nobody's going away ends it for the others (G-8).

What waits here waits on a task, never on a lock that somebody holds over the network.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

from tokenry.resource.http_client import FetchFailed

T = TypeVar("T")


class SharedRequest(Generic[T]):
    """Makes the request at most once at a time. Used from one event loop."""

    def __init__(self, request: Callable[[], Coroutine[object, object, T]]) -> None:
        self._request = request
        self._task: asyncio.Task[T] | None = None
        self.waiting = 0

    @property
    def is_under_way(self) -> bool:
        """Whether the request was made and has no answer yet."""
        return self._task is not None

    async def answer(self) -> T:
        """Return the answer to the request under way, or to one made now.

        Raises what the request raises, and FetchFailed if it is ended by `close`.
        """
        task = self._task
        if task is None:
            task = self._task = asyncio.create_task(self._request())
            task.add_done_callback(self._answered)
        self.waiting += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and not (caller and caller.cancelling()):
                raise FetchFailed("the verifier was closed") from None
            raise
        finally:
            self.waiting -= 1

    async def close(self) -> None:
        """End the request under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _answered(self, task: asyncio.Task[T]) -> None:
        self._task = None
        if not task.cancelled():
            # Looked at, since all who waited may have gone away before there was an answer.
            task.exception()
