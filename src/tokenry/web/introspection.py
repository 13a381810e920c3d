"""POST /introspect (RFC 7662 §2)."""

from starlette.types import Receive, Scope, Send

from tokenry.authority.introspection import Introspection, IntrospectionRequest
from tokenry.vocabulary.identifiers import Entropy
from tokenry.web.basic_auth import parse_basic
from tokenry.web.body import JSON_NO_STORE, Answer, read_body, send_answer
from tokenry.web.forms import parse_form, require_form_type
from tokenry.web.request_head import adopt_trace, request_fields
from tokenry.web.trace import TRACE_BYTES


class IntrospectionEndpoint:
    """Bare ASGI; raises what went wrong, before it has answered."""

    def __init__(self, *, introspection: Introspection, entropy: Entropy) -> None:
        self._introspection = introspection
        self._entropy = entropy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        fields = request_fields(scope)
        adopt_trace(scope, fields, self._entropy(TRACE_BYTES))
        require_form_type(fields.get(b"content-type"))
        form = parse_form(await read_body(receive, declared=fields.get(b"content-length")))
        presented = parse_basic(fields.get(b"authorization"))
        request = IntrospectionRequest(form.fields.get("token"), presented)
        body = await self._introspection.introspect(request)
        await send_answer(send, Answer(200, JSON_NO_STORE, body))
