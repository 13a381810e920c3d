"""JSON objects in which no member is said twice (RFC 7515 §4, RFC 7519 §4, G-7).

Two readers of `{"alg":"ES256","alg":"none"}` may each see another value, so it is refused, at
every depth. msgspec keeps the last of two members, like most readers; a duplicate therefore
shows as strings that were written and are not in the result. Counting them costs a fraction of
a parser that calls back for each object.
"""

from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 32
"""Objects and arrays within each other, the outermost object included."""

# Refuses what is not JSON by itself: NaN, Infinity, invalid UTF-8, lone surrogates, trailing data.
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class MalformedJson(ValueError):
    """The bytes are not one JSON object, or not one that every reader understands alike."""


def parse_object(data: bytes, *, max_depth: int = MAX_DEPTH) -> dict[str, object]:
    """Parse one JSON object.

    Raises MalformedJson for duplicate members, another JSON value, invalid JSON or UTF-8, and
    nesting beyond `max_depth`. The caller bounds the length.
    """
    try:
        members: dict[str, object] = _DECODER.decode(data)
    except (ValueError, RecursionError):
        # Not chained: the parser's own message may quote what was parsed.
        raise MalformedJson("expected one JSON object in UTF-8") from None
    if _quotes_written(data) != 2 * _strings_kept(members, max_depth):
        raise MalformedJson("expected each member once")
    return members


def _quotes_written(data: bytes) -> int:
    """Count the quotation marks that open or close a string of valid JSON."""
    if b"\\" in data:
        # A run of backslashes starts with an escape, so pairs can be taken out from the left;
        # what then precedes a quotation mark escapes it.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return data.count(b'"')


def _strings_kept(value: dict[str, object] | list[object], depth: int) -> int:
    """Count member names and string values. Raises MalformedJson below `depth` levels."""
    if depth == 0:
        raise MalformedJson("expected less nesting")
    count = 0
    children: Any = value
    if type(value) is dict:
        count = len(value)
        children = value.values()
    for child in children:
        kind = type(child)
        if kind is str:
            count += 1
        elif kind is dict or kind is list:
            count += _strings_kept(child, depth - 1)
    return count
