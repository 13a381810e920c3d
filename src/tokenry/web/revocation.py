"""POST /revoke (RFC 7009 §2)."""

from typing import Final

from starlette.types import Receive, Scope, Send

from tokenry.authority.presented_revocation import PresentedRevocation, RevocationRequest
from tokenry.protocol.client_auth import present_client
from tokenry.vocabulary.identifiers import Entropy
from tokenry.web.basic_auth import parse_basic
from tokenry.web.body import NO_CACHE, NO_STORE, Answer, read_body, send_answer
from tokenry.web.forms import parse_form, require_form_type
from tokenry.web.request_head import adopt_trace, request_fields
from tokenry.web.trace import TRACE_BYTES

_DONE: Final = Answer(200, (NO_STORE, NO_CACHE))


class RevocationEndpoint:
    """Bare ASGI; raises what went wrong, before it has answered."""

    def __init__(self, *, revocation: PresentedRevocation, entropy: Entropy) -> None:
        self._revocation = revocation
        self._entropy = entropy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 200 also for a token that nobody knows (RFC 7009 §2.2)."""
        fields = request_fields(scope)
        trace = adopt_trace(scope, fields, self._entropy(TRACE_BYTES))
        require_form_type(fields.get(b"content-type"))
        form = parse_form(await read_body(receive, declared=fields.get(b"content-length")))
        presented = present_client(parse_basic(fields.get(b"authorization")), form.fields)
        request = RevocationRequest(form.fields.get("token"), presented)
        await self._revocation.revoke(request, trace=trace)
        await send_answer(send, _DONE)
