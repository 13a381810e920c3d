"""HTTP Basic authentication as OAuth uses it: name and secret are each form-encoded first.

RFC 7617; RFC 6749 §2.3.1. The same for clients and for resource servers.
"""

import binascii

from tokenry.protocol.client_auth import BasicCredentials
from tokenry.vocabulary.errors import InvalidClient, InvalidRequest
from tokenry.web.forms import decode_component


def parse_basic(authorization: bytes | None) -> BasicCredentials | None:
    """Return the credentials of an Authorization header, None when there is no header.

    Raises InvalidClient for another scheme and for anything malformed (RFC 6749 §5.2).
    """
    if authorization is None:
        return None
    scheme, _, encoded = authorization.partition(b" ")
    if scheme != b"Basic" and scheme.lower() != b"basic":
        raise InvalidClient(because="Authorization is not Basic")
    try:
        text = binascii.a2b_base64(encoded.strip(b" "), strict_mode=True).decode("ascii")
    except ValueError:
        raise _malformed("not base64 of ASCII") from None
    name, colon, secret = text.partition(":")
    if not colon or not name or not secret or not text.isprintable():
        raise _malformed("not a name and a secret")
    try:
        if "%" in text or "+" in text:
            return BasicCredentials(decode_component(name), decode_component(secret))
    except InvalidRequest:
        raise _malformed("not form-encoded") from None
    return BasicCredentials(name, secret)


def _malformed(because: str) -> InvalidClient:
    return InvalidClient(because=f"Authorization: {because}")
