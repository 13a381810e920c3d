"""Commit many plans as one durable batch, each with its own outcome (G-4).

What one database can do is behind `BatchWriter`; what must happen when it fails is here:

- a batch that aborts is done again, plan by plan, so that one bad plan harms no other;
- after a failure at COMMIT nobody knows whether the batch was committed, so the database is asked
  for the batch's random id. Only then is anything answered, or tried again.

`commit_batch` awaits nothing but the writer. Over a writer that never waits it can be run to its
end in a plain thread (`run_to_end`), over an asynchronous driver on an event loop.
"""

from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeVar

import msgspec

from tokenry.stores.rows import Row, in_lock_order
from tokenry.stores.work import Answer, Work
from tokenry.vocabulary.errors import StoreFull, StoreUnavailable
from tokenry.vocabulary.identifiers import Entropy

BATCH_ID_BYTES: Final = 16
ATTEMPTS: Final = 3
"""How often a batch is tried whose COMMIT was lost and turned out not to have happened."""

T = TypeVar("T")


class Batch(msgspec.Struct, frozen=True):
    """Work that commits together; no two pieces touch the same row (see `rows`)."""

    id: bytes
    work: tuple[Work, ...]

    def rows(self) -> tuple[Row, ...]:
        """Return the rows to lock, in the one global order, heads last."""
        return in_lock_order(self.work)


class BatchAborted(Exception):
    """The database refused the batch because of a piece in it. `failure` is what to tell that one.

    A broken constraint, a deadlock, a serialization failure: nothing was written.
    """

    def __init__(self, failure: StoreUnavailable) -> None:
        super().__init__(str(failure))
        self.failure = failure


class OutcomeUnknown(Exception):
    """The batch may or may not have been committed. `failure` is what to tell if it was not."""

    def __init__(self, failure: StoreUnavailable) -> None:
        super().__init__(str(failure))
        self.failure = failure


class BatchWriter(Protocol):
    """A connection that writes, used for one batch at a time.

    Each method raises a StoreUnavailable when the database is at fault, whatever is in the batch;
    then nothing of it was written.
    """

    async def apply(self, batch: Batch) -> list[Answer]:
        """Open a transaction, write the batch's id first, then its work; answer each piece.

        Raises BatchAborted for the fault of one piece, and any other exception is taken for one:
        nothing was written, and the pieces are applied again one by one.
        """

    async def commit(self, batch: Batch) -> None:
        """Make what was applied durable. Raises OutcomeUnknown unless it certainly is."""

    async def was_committed(self, batch: Batch) -> bool:
        """Say whether the batch's id is in the database, and end what is left of it if it is not.

        Asked after OutcomeUnknown, over a new connection where the old one is lost. An adapter
        whose transaction may still be under way elsewhere finds out by inserting the id again.
        """


async def commit_batch(
    writer: BatchWriter, work: tuple[Work, ...], entropy: Entropy
) -> list[Answer]:
    """Commit the work and return an answer for each piece, in order. Never raises for the work.

    An answer that is an exception means that this piece was not committed, or, if it is a
    StoreUnavailable that speaks of an unknown outcome, that nobody can know.
    """
    failure = StoreUnavailable("no attempt was made")
    for _ in range(ATTEMPTS):
        batch = Batch(entropy(BATCH_ID_BYTES), work)
        try:
            answers = await writer.apply(batch)
        except StoreUnavailable as fault:
            return _refuse_all(work, fault)
        except Exception as fault:  # noqa: BLE001 -- raised to the one whose piece it is
            if len(work) > 1:
                return [await _commit_alone(writer, piece, entropy) for piece in work]
            return [fault.failure if isinstance(fault, BatchAborted) else fault]
        try:
            await writer.commit(batch)
        except OutcomeUnknown as unknown:
            try:
                if await writer.was_committed(batch):
                    return answers
            except StoreUnavailable as fault:
                return _refuse_all(work, StoreUnavailable(f"outcome of a commit unknown: {fault}"))
            failure = unknown.failure
            if isinstance(failure, StoreFull):
                break
        else:
            return answers
    return _refuse_all(work, failure)


async def _commit_alone(writer: BatchWriter, piece: Work, entropy: Entropy) -> Answer:
    return (await commit_batch(writer, (piece,), entropy))[0]


def _refuse_all(work: tuple[Work, ...], fault: StoreUnavailable) -> list[Answer]:
    # One exception each: they are raised in different tasks, and each collects its own traceback.
    answers: list[Answer] = []
    for _ in work:
        copy = type(fault)(*fault.args)
        copy.__cause__ = fault
        answers.append(copy)
    return answers


def run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose awaits never wait, without an event loop; return its result."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("expected a coroutine that never waits; run it on an event loop instead")
