"""Form bodies, parsed once and strictly: what has two readings has none (RFC 6749 §3.2, G-7).

A parameter may be given once, `resource` alone may repeat (RFC 8707 §2); one without a value counts
as left out (RFC 6749 §3.2).
"""

from typing import Final, NamedTuple

from tokenry.vocabulary.bounds import MAX_PARAMETERS
from tokenry.vocabulary.errors import InvalidRequest

FORM_TYPE: Final = b"application/x-www-form-urlencoded"
REPEATABLE: Final = "resource"

_OCTETS: Final = {
    high + low: bytes((int(high + low, 16),))
    for high in "0123456789abcdefABCDEF"
    for low in "0123456789abcdefABCDEF"
}


class Form(NamedTuple):
    """Parameters with a value, and the values of `resource` in their order."""

    fields: dict[str, str]
    resources: tuple[str, ...]


def require_form_type(content_type: bytes | None) -> None:
    """Raise InvalidRequest unless the body says that it is a form."""
    if content_type == FORM_TYPE:
        return
    kind = b"" if content_type is None else content_type.partition(b";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise InvalidRequest(
            because="the body is not a form",
            description="The body must be application/x-www-form-urlencoded.",
        )


def parse_form(body: bytes) -> Form:
    """Parse a form body. Raises InvalidRequest.

    Refused are repeated names, too many parameters, malformed percent-encoding, bytes that are not
    UTF-8, and control characters, encoded or not.
    """
    if not body:
        return Form({}, ())
    if body.count(b"&") >= MAX_PARAMETERS:
        raise _malformed(f"over {MAX_PARAMETERS} parameters")
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise _malformed("not ASCII") from None
    if not text.isprintable():
        raise _malformed("control characters")
    fields: dict[str, str] = {}
    resources: tuple[str, ...] = ()
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in name or "+" in name:
            name = decode_component(name)
        if "%" in value or "+" in value:
            value = decode_component(value)
        if name == REPEATABLE:
            if value:
                resources += (value,)
        elif name in fields:
            raise _malformed("a repeated parameter", "A parameter may be given once only.")
        else:
            fields[name] = value
    if "" in fields.values():
        fields = {name: value for name, value in fields.items() if value}
    return Form(fields, resources)


def decode_component(text: str) -> str:
    """Decode one form-encoded name or value. Raises InvalidRequest."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    first, *escaped = text.split("%")
    octets = bytearray(first.encode())
    try:
        for part in escaped:
            octets += _OCTETS[part[:2]]
            octets += part[2:].encode()
        decoded = octets.decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        raise _malformed("malformed percent-encoding") from None
    if not decoded.isprintable():
        raise _malformed("encoded control characters")
    return decoded


def _malformed(
    because: str, description: str = "The body is not well-formed form encoding."
) -> InvalidRequest:
    return InvalidRequest(because=f"form: {because}", description=description)
