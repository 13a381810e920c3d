"""What a request presents: nothing of it is proven (RFC 6750 §2.1, RFC 9110 §11.6.2).

Only the Authorization header is looked at, never the query or the body (OAuth 2.1 §5.1.1).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from tokenry.resource.refusal import Reason, Refusal
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES

HeaderPair = tuple[bytes, bytes] | tuple[str, str]

_NAME: Final = "authorization"
_LOWER_CASE: Final = b"authorization"
"""As ASGI servers give it."""
_NAME_LENGTH: Final = len(_NAME)
_BEARER: Final = b"Bearer "
_PREFIX_LENGTH: Final = len(_BEARER)


class PresentedRequest(msgspec.Struct, frozen=True):
    """A request as the service received it.

    `headers` are ordered pairs, repeated names included, all bytes or all str (latin-1).
    `peer_certificate` is the client's certificate in DER where the service itself ended TLS.
    `peer_address` is the address the connection came from.
    """

    method: str
    url: str
    headers: Sequence[HeaderPair]
    peer_certificate: bytes | None = None
    peer_address: str | None = None


def presented_token(headers: Sequence[HeaderPair]) -> bytes:
    """Return the one bearer token of a request.

    Raises Refusal: no_token (also for another scheme), repeated_header, malformed_header.
    """
    credentials: bytes | str | None = None
    for name, value in headers:
        # Lengths are compared first, since this runs over every header of every request.
        if len(name) == _NAME_LENGTH and (
            (type(name) is bytes and name == _LOWER_CASE) or _is_authorization(name)
        ):
            if credentials is not None:
                raise Refusal(Reason.REPEATED_HEADER, "two Authorization headers")
            credentials = value
    if type(credentials) is bytes and credentials[:_PREFIX_LENGTH] == _BEARER:
        token = credentials[_PREFIX_LENGTH:]
        if token and token[0] != 0x20:
            return token
    return _token_of(credentials)


def _is_authorization(name: bytes | str) -> bool:
    text = name if isinstance(name, str) else name.decode("latin-1")
    return text.lower() == _NAME


def _token_of(credentials: bytes | str | None) -> bytes:
    if credentials is None:
        raise Refusal(Reason.NO_TOKEN, "no Authorization header")
    if isinstance(credentials, str):
        try:
            credentials = credentials.encode("latin-1")
        except UnicodeEncodeError:
            raise Refusal(Reason.MALFORMED_HEADER, "Authorization is not latin-1") from None
    scheme, _, rest = credentials.partition(b" ")
    if scheme.lower() != b"bearer":
        raise Refusal(Reason.NO_TOKEN, "the Authorization scheme is not Bearer")
    token = rest.lstrip(b" ")
    if not token:
        raise Refusal(Reason.MALFORMED_HEADER, "expected a token after Bearer")
    return token


def require_plausible(token: bytes) -> None:
    """Raise Refusal for what cannot be a token; asked before anything is done with a new one."""
    if len(token) > MAX_TOKEN_BYTES:
        raise Refusal(Reason.MALFORMED, f"a token of {len(token)} bytes")
    if b" " in token:
        raise Refusal(Reason.MALFORMED_HEADER, "expected exactly one token after Bearer")
