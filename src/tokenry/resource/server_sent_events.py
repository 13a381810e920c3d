"""Server-sent events, as far as the feed needs them, within bounds (WHATWG HTML §9.2.6).

A pure parser: bytes in, events out, however the bytes were cut into chunks.
"""

from typing import Final

import msgspec

MAX_LINE_BYTES: Final = 256 * 1024
"""A frame of 500 records takes about 40 KiB."""
MAX_EVENT_BYTES: Final = 512 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class StreamRefused(ValueError):
    """The stream is not one that can be followed: a line or event beyond its bound, or no UTF-8."""


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One dispatched event. `id` is None where the event itself carried none."""

    type: str
    data: str
    id: str | None = None


class EventParser:
    """Holds what has arrived of the event under way. One per connection."""

    def __init__(self, *, max_line: int = MAX_LINE_BYTES, max_event: int = MAX_EVENT_BYTES) -> None:
        self._max_line = max_line
        self._max_event = max_event
        self._partial = bytearray()
        self._at_start = True
        self._after_return = False
        self._type = ""
        self._data: list[str] = []
        self._id: str | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes; return the events they completed. Raises StreamRefused."""
        if not chunk:
            return []
        if self._after_return:
            # The line feed of a CRLF that was cut in two.
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        *lines, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        events = []
        for line in lines:
            event = self._take(self._completed(line))
            if event is not None:
                events.append(event)
        self._partial += rest
        self._require_bounded_line()
        return events

    def _completed(self, end: bytes) -> bytes:
        self._partial += end
        self._require_bounded_line()
        line = bytes(self._partial)
        self._partial.clear()
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        return line

    def _require_bounded_line(self) -> None:
        if len(self._partial) > self._max_line:
            raise StreamRefused(f"expected lines of at most {self._max_line} bytes")

    def _take(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        if line[0] == 0x3A:
            return None  # a comment, sent to keep the connection open
        self._size += len(line)
        if self._size > self._max_event:
            raise StreamRefused(f"expected events of at most {self._max_event} bytes")
        field, _, value = line.partition(b":")
        try:
            text = value.removeprefix(b" ").decode("utf-8")
        except UnicodeDecodeError:
            raise StreamRefused("expected UTF-8") from None
        if field == b"data":
            self._data.append(text)
        elif field == b"event":
            self._type = text
        elif field == b"id" and "\0" not in text:
            self._id = text
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event = None
        if self._data:
            event = ServerSentEvent(self._type or "message", "\n".join(self._data), self._id)
        self._type, self._data, self._id, self._size = "", [], None, 0
        return event
