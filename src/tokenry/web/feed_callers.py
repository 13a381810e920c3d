"""Who asks for the feed, and for what: the same for each of its endpoints."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from starlette.types import Scope

from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.protocol.registry import ResourceServer
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.identifiers import Entropy
from tokenry.vocabulary.sequence import SEQUENCE_LIMIT
from tokenry.web.basic_auth import parse_basic
from tokenry.web.forms import parse_form
from tokenry.web.request_head import adopt_trace, fields_by_name
from tokenry.web.trace import TRACE_BYTES

_LONGEST_NUMBER: Final = 16


class FeedCaller(msgspec.Struct, frozen=True):
    """A proven resource server, its header fields, and its query parameters.

    `secret` is the digest of the secret that proved it.
    """

    server: ResourceServer
    secret: bytes
    fields: Mapping[bytes, bytes]
    query: Mapping[str, str]


class FeedCallers:
    """Identifies callers by HTTP Basic."""

    def __init__(self, *, authentication: ResourceServerAuthentication, entropy: Entropy) -> None:
        self._authentication = authentication
        self._entropy = entropy

    async def identify(self, scope: Scope) -> FeedCaller:
        """Return the proven resource server. Raises InvalidClient, InvalidRequest."""
        fields = fields_by_name(scope["headers"])
        adopt_trace(scope, fields, self._entropy(TRACE_BYTES))
        presented = parse_basic(fields.get(b"authorization"))
        server = await self._authentication.authenticate(presented)
        secret = b"" if presented is None else sha256(presented.secret.encode()).digest()
        return FeedCaller(server, secret, fields, parse_form(scope["query_string"]).fields)


def number_of(parameters: Mapping[str, str], name: str) -> int | None:
    """Read a number below 2**53, None if it was not given. Raises InvalidRequest."""
    text = parameters.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER:
        number = int(text)
        if number < SEQUENCE_LIMIT:
            return number
    raise InvalidRequest(
        because=f"{name} is not a number", description=f"{name} must be a number below 2^53."
    )
