"""The bounded queue before a committer: whoever asks waits here for the commit (G-4, G-8).

Any number of event loops and threads may ask at once; one committer takes. Asking costs the event
loop a few microseconds: a batch's answers come back in one call per loop.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, overload

from tokenry.ports.plans import (
    ChangeOutcome,
    ChangePlan,
    IssueOutcome,
    IssuePlan,
    RecordOutcome,
    RevokeOutcome,
    RevokePlan,
)
from tokenry.ports.store import Purged
from tokenry.stores.rows import Row, rows_of, rows_read
from tokenry.stores.work import Answer, CreateIssuer, Errand, PurgeRows, RecordEntries, Tick, Work
from tokenry.vocabulary.bounds import MAX_WAITING_PLANS
from tokenry.vocabulary.errors import Overloaded, StoreUnavailable
from tokenry.vocabulary.instant import Instant

# A plain tuple: a named one costs more to make than all the rest of asking.
Ticket = tuple[Work, "asyncio.Future[Any]", asyncio.AbstractEventLoop]
"""A piece of work, what its answer is set on, and the event loop where."""


class WaitingPlans:
    """Plans that wait for their commit, those being committed just now included.

    `wake` is called when there is something to take: on the asker's event loop, at the end of its
    turn, so that all plans of one turn are taken together. It must be quick and thread-safe.
    """

    def __init__(self, *, wake: Callable[[], None], bound: int = MAX_WAITING_PLANS) -> None:
        self._wake = wake
        self._bound = bound
        self._lock = threading.Lock()
        self._count = 0
        self._arrived: list[Ticket] = []
        self._deferred: list[Ticket] = []
        self._waking: set[asyncio.AbstractEventLoop] = set()
        self._closed: str | None = None

    def __len__(self) -> int:
        """Return how many plans wait."""
        return self._count

    def admit(self) -> None:
        """Raise Overloaded if no further plan would be taken now, StoreUnavailable if closed."""
        if self._count >= self._bound:
            raise Overloaded("the queue of plans that wait for a commit")
        if self._closed is not None:
            raise StoreUnavailable(self._closed)

    @overload
    def submit(self, work: IssuePlan) -> "asyncio.Future[IssueOutcome]": ...
    @overload
    def submit(self, work: RevokePlan) -> "asyncio.Future[RevokeOutcome]": ...
    @overload
    def submit(self, work: ChangePlan) -> "asyncio.Future[ChangeOutcome]": ...
    @overload
    def submit(self, work: Tick) -> "asyncio.Future[Instant]": ...
    @overload
    def submit(self, work: PurgeRows) -> "asyncio.Future[Purged]": ...
    @overload
    def submit(self, work: RecordEntries) -> "asyncio.Future[RecordOutcome]": ...
    @overload
    def submit(self, work: CreateIssuer) -> "asyncio.Future[None]": ...
    def submit(self, work: Work) -> "asyncio.Future[Any]":
        """Queue a piece of work and return what its answer will be set on.

        Raises Overloaded over the bound (not for errands, see `work`), StoreUnavailable if closed.
        Work whose asker is cancelled before it was taken is not done.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        with self._lock:
            if self._closed is not None:
                raise StoreUnavailable(self._closed)
            if self._count >= self._bound and not isinstance(work, Errand):
                raise Overloaded("the queue of plans that wait for a commit")
            self._count += 1
            self._arrived.append((work, future, loop))
            is_first_of_turn = loop not in self._waking
            if is_first_of_turn:
                self._waking.add(loop)
        if is_first_of_turn:
            loop.call_soon(self._end_of_turn, loop)
        return future

    def _end_of_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        # Forgotten before waking: a plan that arrives after this line calls for its own wake.
        with self._lock:
            self._waking.discard(loop)
        self._wake()

    def take(self) -> list[Ticket]:
        """Take every waiting plan that can share a batch; for the one committer only.

        A plan that touches a row which an earlier one writes stays, and so does one that writes a
        row which an earlier one reads: around each write, plans are committed in the order in which
        they came.
        """
        with self._lock:
            arrived, self._arrived = self._arrived, []
        candidates = self._deferred + arrived if self._deferred else arrived
        deferred: list[Ticket] = []
        batch: list[Ticket] = []
        written: set[Row] = set()
        touched: set[Row] = set()
        for ticket in candidates:
            work, future, _ = ticket
            if future.cancelled():
                continue
            if not isinstance(work, IssuePlan):
                rows, read = rows_of(work), rows_read(work)
                conflicts = not (touched.isdisjoint(rows) and written.isdisjoint(read))
                written |= rows
                touched |= rows | read
                if conflicts:
                    deferred.append(ticket)
                    continue
            batch.append(ticket)
        self._deferred = deferred
        gone = len(candidates) - len(deferred) - len(batch)
        if gone:
            with self._lock:
                self._count -= gone
        return batch

    @property
    def must_take_again(self) -> bool:
        """Say whether plans were left for the next batch: no wake will come for them."""
        return bool(self._deferred)

    def settle(self, batch: list[Ticket], answers: list[Answer]) -> None:
        """Hand each of a taken batch its answer, on the event loop that it came from."""
        with self._lock:
            self._count -= len(batch)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Answer]]] = {}
        for (_, future, loop), answer in zip(batch, answers, strict=True):
            by_loop.setdefault(loop, []).append((future, answer))
        for loop, settled in by_loop.items():
            try:
                loop.call_soon_threadsafe(_answer_all, settled)
            except RuntimeError:  # the loop is closed: nobody waits there any more
                continue

    def close(self, because: str) -> None:
        """Take no more plans; those that wait can still be taken and settled. Idempotent."""
        with self._lock:
            self._closed = self._closed or because
        self._wake()

    @property
    def is_finished(self) -> bool:
        """Say whether it is closed and nothing is left to take."""
        with self._lock:
            return self._closed is not None and not self._arrived and not self._deferred


def _answer_all(settled: "list[tuple[asyncio.Future[Any], Answer]]") -> None:
    for future, answer in settled:
        if future.done():  # cancelled meanwhile; the plan stands committed all the same
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
