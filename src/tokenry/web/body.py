"""Read a request's body within bounds, and send a whole answer: bare ASGI, nothing else (G-8)."""

from typing import Final

import msgspec
from starlette.types import Receive, Send

from tokenry.vocabulary.bounds import MAX_BODY_BYTES
from tokenry.vocabulary.errors import InvalidRequest, ProtocolError

Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
NO_STORE: Final[Header] = (b"cache-control", b"no-store")
NO_CACHE: Final[Header] = (b"pragma", b"no-cache")
JSON_NO_STORE: Final[tuple[Header, ...]] = (JSON, NO_STORE, NO_CACHE)
"""What RFC 6749 §5.1 asks of every answer that carries a token, a secret or a refusal."""

# RFC 9110 §8.6: neither has content, nor may it state a length.
_WITHOUT_CONTENT: Final = frozenset({204, 304})

_encode = msgspec.json.Encoder().encode


class BodyTooLarge(ProtocolError):
    """The body has more bytes than are read (G-8; RFC 9110 §15.5.14)."""

    status = 413
    default_description = f"The request body may have at most {MAX_BODY_BYTES} bytes."


class ClientDisconnected(Exception):
    """The peer left before its request was whole: there is nobody to answer."""


class Answer(msgspec.Struct, frozen=True):
    """A whole response. `headers` lack content-length, which is added when it is sent."""

    status: int
    headers: tuple[Header, ...]
    body: bytes = b""


def json_answer(
    status: int, content: object, headers: tuple[Header, ...] = JSON_NO_STORE
) -> Answer:
    """Render `content` (anything that msgspec encodes) as JSON."""
    return Answer(status, headers, _encode(content))


async def read_body(
    receive: Receive, *, declared: bytes | None = None, limit: int = MAX_BODY_BYTES
) -> bytes:
    """Return the whole body, never holding more than `limit` bytes and one chunk.

    `declared` is the Content-Length header, if there was one: a body that says it is too large is
    refused unread. Raises BodyTooLarge, InvalidRequest, ClientDisconnected.
    """
    if declared is not None:
        if not declared.isdigit() or len(declared) > len(str(1 << 63)):
            raise InvalidRequest(because="Content-Length is not a number")
        if int(declared) > limit:
            raise BodyTooLarge(because=f"Content-Length {int(declared)} is over {limit}")
    message = await receive()
    if message["type"] != "http.request":
        raise ClientDisconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise BodyTooLarge(because=f"the body is over {limit} bytes")
        return body
    chunks = [body]
    size = len(body)
    while message.get("more_body", False):
        if size > limit:
            raise BodyTooLarge(because=f"the body is over {limit} bytes")
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        chunks.append(chunk)
    if size > limit:
        raise BodyTooLarge(because=f"the body is over {limit} bytes")
    return b"".join(chunks)


async def send_answer(send: Send, answer: Answer, *, head: bool = False) -> None:
    """Send the answer; for a HEAD request without its body, but with its length."""
    body = answer.body
    headers = [*answer.headers]
    if answer.status not in _WITHOUT_CONTENT:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
