"""A batch writer that fails where it is told to: before anything was persisted, and after."""

from collections.abc import Callable
from enum import Enum

from tokenry.stores.group_commit import Batch, BatchAborted, BatchWriter, OutcomeUnknown
from tokenry.stores.work import Answer, CreateIssuer
from tokenry.vocabulary.errors import StoreUnavailable


class Fault(Enum):
    """Where a batch fails."""

    BEFORE = "the database is gone before the batch is applied"
    APPLIED = "the database is gone after the batch was applied, before COMMIT"
    ABORTED = "the database refuses the batch after it was applied"
    LOST_APPLIED = "COMMIT happened, and its answer was lost"
    LOST_NOT_APPLIED = "COMMIT was lost and never happened"
    UNKNOWABLE = "COMMIT happened, its answer was lost, and nobody can be asked"


class FaultyWriter:
    """Passes everything on to `inner`, except where `choose` names a fault for the batch."""

    def __init__(self, inner: BatchWriter, choose: Callable[[Batch], Fault | None]) -> None:
        self.inner = inner
        self.choose = choose
        self.fault: Fault | None = None
        self.batches: list[Batch] = []

    async def apply(self, batch: Batch) -> list[Answer]:
        self.batches.append(batch)
        self.fault = self.choose(batch)
        if self.fault is Fault.BEFORE:
            raise StoreUnavailable(self.fault.value)
        answers = await self.inner.apply(batch)
        if self.fault is Fault.APPLIED:
            await self._undo(batch)
            raise StoreUnavailable(self.fault.value)
        if self.fault is Fault.ABORTED:
            await self._undo(batch)
            raise BatchAborted(StoreUnavailable(self.fault.value))
        return answers

    async def commit(self, batch: Batch) -> None:
        if self.fault is Fault.LOST_NOT_APPLIED:
            await self._undo(batch)
        else:
            await self.inner.commit(batch)
        if self.fault is not None:
            raise OutcomeUnknown(StoreUnavailable(self.fault.value))

    async def was_committed(self, batch: Batch) -> bool:
        if self.fault is Fault.UNKNOWABLE:
            raise StoreUnavailable(self.fault.value)
        return await self.inner.was_committed(batch)

    async def _undo(self, batch: Batch) -> None:
        # What a database does when its connection ends: the transaction is gone.
        assert not await self.inner.was_committed(batch)


def first_time(fault: Fault, times: int = 1) -> Callable[[Batch], Fault | None]:
    """Fail the first batches of plans, but not those that make an issuer."""
    left = times

    def choose(batch: Batch) -> Fault | None:
        nonlocal left
        if left == 0 or any(isinstance(piece, CreateIssuer) for piece in batch.work):
            return None
        left -= 1
        return fault

    return choose
