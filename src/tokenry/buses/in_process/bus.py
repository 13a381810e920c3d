"""Announcements to the subscribers of one process, delivered on its event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from tokenry.vocabulary.identifiers import IssuerUrl

MAX_PENDING: Final = 1024
"""Issuers whose announcement from a thread is on its way; beyond that they wait for the poll."""


class InProcessBus:
    """Wakes on the event loop it was made on. Announcements of one issuer coalesce."""

    def __init__(self) -> None:
        """Bind to the running event loop. Raises RuntimeError where there is none."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._wakes: tuple[Callable[[IssuerUrl], None], ...] = ()
        self._pending: set[IssuerUrl] = set()
        self._lock = threading.Lock()

    def announce(self, issuer: IssuerUrl) -> None:
        """Wake every subscriber: at once on the loop's thread, soon from another.

        Never raises, never blocks. From a thread, an announcement that is still on its way is not
        sent again: who wakes reads everything there is.
        """
        if threading.get_ident() == self._thread:
            self._deliver(issuer)
            return
        with self._lock:
            if issuer in self._pending or len(self._pending) >= MAX_PENDING:
                return
            self._pending.add(issuer)
        try:
            self._loop.call_soon_threadsafe(self._arrive, issuer)
        except RuntimeError:
            # The loop has been closed: nobody is left to wake.
            self._pending.discard(issuer)

    def subscribe(self, wake: Callable[[IssuerUrl], None]) -> Callable[[], None]:
        """Call `wake` on each announcement until the returned function is called."""
        # A tuple, replaced whole, so that a subscriber may leave while others are being woken.
        # Wrapped, so that subscribing the same function twice can be undone once.
        entry = _Wake(wake)
        self._wakes = (*self._wakes, entry)

        def leave() -> None:
            self._wakes = tuple(other for other in self._wakes if other is not entry)

        return leave

    async def close(self) -> None:
        """Stop delivering."""
        self._wakes = ()

    def _arrive(self, issuer: IssuerUrl) -> None:
        # Before delivering: what is committed from here on announces itself anew.
        with self._lock:
            self._pending.discard(issuer)
        self._deliver(issuer)

    def _deliver(self, issuer: IssuerUrl) -> None:
        for wake in self._wakes:
            try:
                wake(issuer)
            except Exception as error:  # noqa: BLE001  # a defect of one subscriber must not reach who announced, nor the other subscribers
                self._loop.call_exception_handler(
                    {"message": "a subscriber of the bus failed", "exception": error}
                )


class _Wake:
    def __init__(self, wake: Callable[[IssuerUrl], None]) -> None:
        self._wake = wake

    def __call__(self, issuer: IssuerUrl) -> None:
        self._wake(issuer)
