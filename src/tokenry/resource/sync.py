"""The verifier for code that does not await: threads, WSGI, scripts (R-44)."""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Final, Self, TypeVar, Unpack

from tokenry.feed.staleness import Tier
from tokenry.resource.http_client import Credentials
from tokenry.resource.presented import PresentedRequest
from tokenry.resource.refusal import Reason, Refusal
from tokenry.resource.verified import VerifiedToken
from tokenry.resource.verifier import Verifier, VerifierOptions
from tokenry.vocabulary.sequence import SequenceNumber

LONGEST_WAIT: Final = 60.0
"""Seconds a thread waits for the background loop, whose own requests give up long before."""
_ANY: Final = frozenset[str]()
_T = TypeVar("_T")
_Background = tuple[asyncio.AbstractEventLoop, asyncio.Event]
"""The loop of the thread, and what ends it."""
_verifiers: Final = weakref.WeakSet["SyncVerifier"]()
_inherited: Final[list[object]] = []


class SyncVerifier:
    """A `Verifier` that follows the feed in a thread of its own; takes the same arguments.

    `verify` may be called from any thread. For a token that was seen before it decides in the
    caller's thread; the background thread fetches what is missing for others. Starts with the
    first call, and again after a fork.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        credentials: Credentials | tuple[str, str],
        **options: Unpack[VerifierOptions],
    ) -> None:
        self._verifier = Verifier(
            issuer=issuer, audience=audience, credentials=credentials, **options
        )
        self._starting = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._background: _Background | None = None
        _verifiers.add(self)

    def verify(
        self, request: PresentedRequest, *, required_scopes: Collection[str] = _ANY
    ) -> VerifiedToken:
        """Return the request's token, all checks passed. Raises TokenRefused."""
        token = self._verifier.verify_at_hand(request, required_scopes=required_scopes)
        if token is not None:
            return token
        try:
            return self._in_background(
                lambda: self._verifier.verify(request, required_scopes=required_scopes)
            )
        except Refusal as refusal:
            raise self._verifier.refused(refusal, required_scopes) from None

    def require(self, token: VerifiedToken, scopes: Collection[str]) -> None:
        """Demand further scopes of a verified token. Raises TokenRefused."""
        self._verifier.require(token, scopes)

    @property
    def tier(self) -> Tier:
        """What the age of the news allows at this moment."""
        return self._verifier.tier

    @property
    def head(self) -> SequenceNumber | None:
        """The newest revocation record applied; None before the first synchronization."""
        return self._verifier.head

    def start(self) -> None:
        """Follow the issuer, and wait up to `first_sync` seconds for the first synchronization."""
        self._closed = False
        with suppress(Refusal):  # closed meanwhile, or slow: `tier` tells
            self._in_background(self._verifier.start)

    def applied(self, number: SequenceNumber) -> None:
        """Wait until record `number` is applied: for tests and tools. Raises TimeoutError."""
        try:
            self._in_background(lambda: self._verifier.applied(number))
        except Refusal as refusal:
            raise TimeoutError(refusal.because) from None

    def close(self) -> None:
        """Stop following, and end the thread. Later requests are refused until `start`."""
        with self._starting:
            self._closed = True
            thread, background = self._thread, self._background
            self._thread = self._background = None
        if thread is not None and background is not None and thread.is_alive():
            loop, stop = background
            closing = asyncio.run_coroutine_threadsafe(self._verifier.close(), loop)
            try:
                closing.result(LONGEST_WAIT)
            finally:
                loop.call_soon_threadsafe(stop.set)
                thread.join(LONGEST_WAIT)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _in_background(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Do `work` in the thread. Raises Refusal when closed, before or meanwhile, or late."""
        # Handed over under the lock: what a `close` finds there it ends, and nothing comes after.
        with self._starting:
            if self._closed:
                raise Refusal(Reason.UNSYNCHRONIZED, "the verifier is closed")
            waiting = asyncio.run_coroutine_threadsafe(work(), self._running_loop())
        try:
            return waiting.result(LONGEST_WAIT)
        except CancelledError:
            raise Refusal(Reason.UNSYNCHRONIZED, "the verifier was closed meanwhile") from None
        except TimeoutError:
            waiting.cancel()
            raise Refusal(Reason.OVERLOADED, f"no answer in {LONGEST_WAIT:g} seconds") from None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._background is None or self._thread is None or not self._thread.is_alive():
            begun: Future[_Background] = Future()
            # A daemon: a service that forgets to close must still be able to end.
            self._thread = threading.Thread(
                target=lambda: asyncio.run(_live(begun)), name="tokenry", daemon=True
            )
            self._thread.start()
            self._background = begun.result(LONGEST_WAIT)
        loop, _ = self._background
        return loop

    def _after_fork(self) -> None:
        # The parent's loop is kept, not closed: its file descriptors are shared with the parent.
        _inherited.append(self._background)
        self._starting = threading.Lock()  # the old one may be held by a thread that is not here
        self._thread = None
        self._background = None


async def _live(begun: Future[_Background]) -> None:
    stop = asyncio.Event()
    begun.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()


def _forget_in_child() -> None:
    for verifier in list(_verifiers):
        verifier._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
