"""What an administrative request says, read strictly: unknown and repeated names are refused."""

from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from tokenry.jose import MalformedJson, parse_object
from tokenry.vocabulary.errors import InvalidRequest

T = TypeVar("T")

_MAX_QUERY_FIELDS: Final = 16
_LARGEST_NUMBER: Final = (1 << 53) - 1
_MOST_DIGITS: Final = 16


class UnsupportedMediaType(InvalidRequest):
    """The body is not said to be JSON (RFC 9110 §15.5.16)."""

    status = 415
    default_description = "Send the body as application/json."


def parse_json(body: bytes, content_type: bytes | None, type_: type[T]) -> T:
    """Read a JSON object as a struct that forbids unknown fields.

    No body at all is an empty object. Raises InvalidRequest and UnsupportedMediaType.
    """
    if body and (content_type or b"").partition(b";")[0].strip().lower() != b"application/json":
        raise UnsupportedMediaType(because="the body is not said to be JSON")
    try:
        return msgspec.convert(parse_object(body or b"{}"), type_, strict=True)
    except (MalformedJson, msgspec.ValidationError) as wrong:
        raise InvalidRequest(
            because="the body is not what this act takes", description=f"The body: {wrong}."
        ) from None


def parse_query(query: bytes, known: frozenset[str]) -> Mapping[str, str]:
    """Return query parameters, each once. Raises InvalidRequest for unknown and repeated ones."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            max_num_fields=_MAX_QUERY_FIELDS,
        )
    except ValueError:
        raise InvalidRequest(
            because="malformed query", description="The query is malformed."
        ) from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs) or not parameters.keys() <= known:
        names = ", ".join(sorted(known)) or "none"
        raise InvalidRequest(
            because="unknown or repeated query parameter",
            description=f"Known query parameters, each once: {names}.",
        )
    return parameters


def number_of(parameters: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number that is not negative. Raises InvalidRequest."""
    text = parameters.get(name)
    if text is None:
        return default
    is_number = len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit()
    if not is_number or int(text) > _LARGEST_NUMBER:
        raise InvalidRequest(
            because=f"{name} is not a number", description=f"{name} is a number from 0 to 2^53 - 1."
        )
    return int(text)
