"""GET key sets: tokens' keys at /jwks, the feed's at /feed/jwks (RFC 7517 §5, RFC 9110 §8.8)."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from starlette.types import Receive, Scope, Send

from tokenry.vocabulary.identifiers import encode_base64url
from tokenry.vocabulary.instant import Seconds
from tokenry.web.body import JSON, Answer, Header, send_answer
from tokenry.web.entity_tag import is_still
from tokenry.web.request_head import fields_by_name

_TAG_BYTES: Final = 16


class JwksEndpoint:
    """Bare ASGI; `read` gives the key set of the moment, `max_age` is how long to keep it.

    A key is used only after every copy without it has expired, so `max_age` is a promise (G-5).
    """

    def __init__(self, read: Callable[[], bytes], *, max_age: Seconds) -> None:
        self._read = read
        self._cacheable: Header = (b"cache-control", b"public, max-age=%d" % max_age)
        self._last: tuple[bytes, bytes] = (b"", b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = self._read()
        tag = self._tag(body)
        headers = (JSON, self._cacheable, (b"etag", tag))
        if is_still(tag, fields_by_name(scope["headers"]).get(b"if-none-match")):
            await send_answer(send, Answer(304, headers[1:]))
        else:
            await send_answer(send, Answer(200, headers, body))

    def _tag(self, body: bytes) -> bytes:
        seen, tag = self._last
        # The ring hands out the same object until its keys change.
        if seen is not body:
            tag = b'"%b"' % encode_base64url(sha256(body).digest()[:_TAG_BYTES]).encode()
            self._last = (body, tag)
        return tag
