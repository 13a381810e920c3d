"""The thread that commits: takes what waits, commits it as one batch, hands out the answers (G-4).

It runs the whole batch itself, so that no statement and no disk stands in an event loop's way.
"""

import threading

from tokenry.stores.group_commit import BatchWriter, commit_batch, run_to_end
from tokenry.stores.waiting_plans import WaitingPlans
from tokenry.vocabulary.errors import StoreUnavailable
from tokenry.vocabulary.identifiers import Entropy


class WriterThread:
    """A started thread over a writer that never waits, and the queue before it, `waiting`."""

    def __init__(self, writer: BatchWriter, entropy: Entropy) -> None:
        self._writer = writer
        self._entropy = entropy
        # A binary semaphore: held while there is nothing to do. Far cheaper than a Condition.
        self._something_waits = threading.Lock()
        self._something_waits.acquire()
        self.waiting = WaitingPlans(wake=self._wake)
        self._thread = threading.Thread(target=self._run, name="tokenry-writer", daemon=True)
        self._thread.start()

    def _wake(self) -> None:
        try:
            self._something_waits.release()
        except RuntimeError:  # it was free already: the thread will look
            return

    def join(self) -> None:
        """Wait until everything is committed. The queue must be closed first."""
        self._thread.join()

    def _run(self) -> None:
        while not self.waiting.is_finished:
            if not self.waiting.must_take_again:
                self._something_waits.acquire()
            tickets = self.waiting.take()
            if not tickets:
                continue
            work = tuple([ticket[0] for ticket in tickets])
            try:
                answers = run_to_end(commit_batch(self._writer, work, self._entropy))
                self.waiting.settle(tickets, answers)
            except BaseException as error:
                # A fault of ours. Whoever waits is told, instead of waiting for ever.
                failure = StoreUnavailable(f"the writer stopped: {error!r}")
                self.waiting.close(str(failure))
                self.waiting.settle(tickets, [failure] * len(tickets))
                self._refuse_the_rest(failure)
                raise

    def _refuse_the_rest(self, failure: StoreUnavailable) -> None:
        while tickets := self.waiting.take():
            self.waiting.settle(tickets, [failure] * len(tickets))
