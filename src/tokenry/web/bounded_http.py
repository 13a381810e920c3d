"""HTTP/1.1 for listeners: uvicorn's parser with the bounds it lacks (G-8)."""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tokenry.vocabulary.bounds import MAX_HEADER_BYTES
from tokenry.vocabulary.instant import Seconds

REQUEST_SECONDS = Seconds(20)
"""A request that has not arrived whole by then is dropped: slow senders hold no memory (G-8)."""

ABORT: Final = "tokenry.abort"
"""Where an application finds, in the state of its ASGI scope, what closes the connection at once.

For a peer that reads nothing: an ordinary end would wait for it to take what was written.
"""


class BoundedHttp(HttpToolsProtocol):
    """Bounds the size of a request's head and the time to send it all.

    The application bounds bodies; this bounds what comes before an application is called. Nothing
    is done for a request that arrives in one piece, which is nearly every one.
    """

    _unfinished = True
    _in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn narrows it
        """Start the clock on a connection that may never send anything."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._drop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to count the head of the next request."""
        super().on_message_begin()
        self._unfinished = True
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """End the count: from here the application bounds what it reads."""
        self._in_head = False
        self.scope["state"][ABORT] = self.transport.abort
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request has arrived whole."""
        self._unfinished = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse, then see whether an unfinished request has become too large."""
        super().data_received(data)
        if not self._unfinished:
            if self._deadline is not None:
                self._disarm()
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADER_BYTES:
                self._refuse_head()
                return
        if self._deadline is None and self.transport is not None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._drop)

    def _refuse_head(self) -> None:
        self._disarm()
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                b"content-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()

    def _drop(self) -> None:
        self._deadline = None
        if self._unfinished and self.transport is not None:
            self.transport.close()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
