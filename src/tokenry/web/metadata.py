"""GET /.well-known/oauth-authorization-server (RFC 8414 §3)."""

from typing import Final

from starlette.types import Receive, Scope, Send

from tokenry.protocol.metadata import encode_metadata
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Seconds
from tokenry.web.body import JSON, Answer, send_answer

MAX_AGE: Final = Seconds(300)


class MetadataEndpoint:
    """Bare ASGI; the document depends on the issuer alone and is made once."""

    def __init__(self, issuer: IssuerUrl) -> None:
        cacheable = (b"cache-control", b"public, max-age=%d" % MAX_AGE)
        self._answer = Answer(200, (JSON, cacheable), encode_metadata(issuer))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send_answer(send, self._answer)
