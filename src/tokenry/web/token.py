"""POST /token (RFC 6749 §3.2)."""

from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from tokenry.authority.token import HANDLES_BYTES, TokenIssuance
from tokenry.protocol.client_auth import present_client
from tokenry.protocol.token_request import token_request
from tokenry.vocabulary.identifiers import Entropy
from tokenry.web.basic_auth import parse_basic
from tokenry.web.body import JSON_NO_STORE, read_body
from tokenry.web.forms import parse_form, require_form_type
from tokenry.web.request_head import adopt_trace, request_fields
from tokenry.web.trace import TRACE_BYTES

RANDOM_BYTES: Final = HANDLES_BYTES + TRACE_BYTES

_encode = msgspec.json.Encoder().encode


class TokenEndpoint:
    """Bare ASGI; raises what went wrong, before it has answered."""

    def __init__(self, *, issuance: TokenIssuance, entropy: Entropy) -> None:
        self._issuance = issuance
        self._entropy = entropy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        fields = request_fields(scope)
        random = self._entropy(RANDOM_BYTES)
        trace = adopt_trace(scope, fields, random[HANDLES_BYTES:])
        require_form_type(fields.get(b"content-type"))
        form = parse_form(await read_body(receive, declared=fields.get(b"content-length")))
        presented = present_client(parse_basic(fields.get(b"authorization")), form.fields)
        answer = await self._issuance.issue(
            token_request(presented, form.fields, form.resources),
            trace=trace,
            handles=random[:HANDLES_BYTES],
        )
        body = _encode(answer)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*JSON_NO_STORE, (b"content-length", b"%d" % len(body))],
            }
        )
        await send({"type": "http.response.body", "body": body})
