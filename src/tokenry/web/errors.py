"""The one table that turns a failure into a response: protocol errors, broken infrastructure, bugs.

Codes and statuses: RFC 6749 §5.2, RFC 6750 §3, RFC 8707 §2. What is private (`because`, the text of
an exception) never leaves; a trace id does, with every 5xx, so that an operator can find the rest.
"""

import re
from typing import Final

from tokenry.vocabulary.errors import (
    InfrastructureFailure,
    InsufficientScope,
    InvalidClient,
    InvalidToken,
    Overloaded,
    ProtocolError,
    StoreFull,
)
from tokenry.vocabulary.identifiers import TraceId
from tokenry.web.body import JSON_NO_STORE, Answer, Header, json_answer

REALM: Final = b"tokenry"
BASIC_CHALLENGE: Final[Header] = (b"www-authenticate", b'Basic realm="%b", charset="UTF-8"' % REALM)
RETRY_AFTER_FAILURE: Final = 2
RETRY_AFTER_FULL_DISK: Final = 30

# RFC 6749 §5.2: an error_description has no quotes, no backslashes and nothing outside of ASCII.
_NOT_DESCRIPTIVE: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


class NotFound(ProtocolError):
    """No such endpoint."""

    code = "not_found"
    status = 404
    default_description = "There is nothing at this path."


class MethodNotAllowed(ProtocolError):
    """The endpoint exists and knows other methods; `allow` lists them (RFC 9110 §15.5.6)."""

    status = 405
    default_description = "The Allow header lists the methods of this path."

    def __init__(self, *, because: str, allow: bytes) -> None:
        super().__init__(because=because)
        self.allow = allow


class HeadersTooLarge(ProtocolError):
    """More header fields, or more bytes in them, than are looked at (RFC 6585 §5)."""

    status = 431
    default_description = "The request has too many or too large header fields."


def answer_failure(failure: Exception, *, trace: TraceId, presented: bool = True) -> Answer:
    """Render any failure. `presented` False: no credentials came, so the challenge names no error.

    RFC 6750 §3.1 wants the latter of a bearer endpoint. A 401 always carries the challenge of its
    endpoint's scheme (RFC 9110 §11.6.1; RFC 6749 §5.2).
    """
    match failure:
        case ProtocolError():
            return json_answer(
                failure.status,
                {"error": failure.code, "error_description": _descriptive(failure.description)},
                JSON_NO_STORE + _protocol_headers(failure, presented=presented),
            )
        case Overloaded():
            return _unavailable(failure.retry_after, trace)
        case StoreFull():
            return _unavailable(RETRY_AFTER_FULL_DISK, trace)
        case InfrastructureFailure():
            return _unavailable(RETRY_AFTER_FAILURE, trace)
        case _:
            return json_answer(
                500,
                {
                    "error": "server_error",
                    "error_description": "The authority failed; its log has more under trace_id.",
                    "trace_id": trace,
                },
            )


def _unavailable(retry_after: int, trace: TraceId) -> Answer:
    return json_answer(
        503,
        {
            "error": "temporarily_unavailable",
            "error_description": "The authority cannot do this now; try again later.",
            "trace_id": trace,
        },
        (*JSON_NO_STORE, (b"retry-after", b"%d" % retry_after)),
    )


def _protocol_headers(failure: ProtocolError, *, presented: bool) -> tuple[Header, ...]:
    match failure:
        case InvalidClient():
            return (BASIC_CHALLENGE,)
        case InvalidToken() | InsufficientScope():
            challenge = b'Bearer realm="%b"' % REALM
            if presented:
                challenge += b', error="%b", error_description="%b"' % (
                    failure.code.encode(),
                    _descriptive(failure.description).encode(),
                )
            return ((b"www-authenticate", challenge),)
        case MethodNotAllowed():
            return ((b"allow", failure.allow),)
        case _:
            return ()


def _descriptive(text: str) -> str:
    return _NOT_DESCRIPTIVE.sub("'", text)
