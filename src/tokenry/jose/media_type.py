"""`typ`: which kind of JWS the caller is ready to believe (RFC 7515 §4.1.9, RFC 8725 §3.11)."""

from enum import Enum
from typing import Final

import msgspec


class AcceptedTypes(msgspec.Struct, frozen=True):
    """Several acceptable types, in normal form; make it with `one_of`."""

    names: frozenset[str]
    or_absent: bool


class AnyType(Enum):
    """The type of `UNSAFE_ANY_TYPE`."""

    UNSAFE = "any"


UNSAFE_ANY_TYPE: Final = AnyType.UNSAFE
"""Believe every `typ` and none: any JWS of the key then passes for the one you expect."""

ExpectedType = str | AcceptedTypes | AnyType


def one_of(*names: str, or_absent: bool = False) -> AcceptedTypes:
    """Accept any of these types; `or_absent` also accepts a header without `typ`.

    For profiles whose older senders use another type or none, as client assertions do.
    """
    return AcceptedTypes(frozenset(map(normal_media_type, names)), or_absent)


def normal_media_type(name: str) -> str:
    """Return the form two equal types share: lower case, "application/" left out."""
    lowered = name.lower()
    prefix, slash, rest = lowered.partition("/")
    # With another "/" in it (a parameter's value) the prefix may not be left out.
    return rest if slash and prefix == "application" and "/" not in rest else lowered


def is_expected(media_type: str | None, expected: ExpectedType) -> bool:
    """Say whether a `typ` in normal form (None: absent) is one that the caller expects."""
    if isinstance(expected, str):
        return media_type is not None and (
            media_type == expected or media_type == normal_media_type(expected)
        )
    if isinstance(expected, AcceptedTypes):
        return expected.or_absent if media_type is None else media_type in expected.names
    return expected is UNSAFE_ANY_TYPE
