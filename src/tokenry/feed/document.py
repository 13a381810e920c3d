"""Signed payloads as JSON: read strictly, written in one member order."""

from typing import Annotated, Any, Final, TypeVar

import msgspec

from tokenry.feed.record import CHAIN_BYTES, ChainValue
from tokenry.feed.refusals import FeedRefused, UnsupportedVersion
from tokenry.jose import MalformedJson, base64url, parse_object
from tokenry.vocabulary.sequence import EPOCH_SHIFT

VERSION: Final = 1
"""The only `version` of every signed object and JSON answer of the feed."""

Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Epoch = Annotated[int, msgspec.Meta(gt=0, lt=1 << (53 - EPOCH_SHIFT))]
DocumentT = TypeVar("DocumentT")


def read_document(payload: bytes, kind: type[DocumentT]) -> DocumentT:
    """Read one JSON object of this feed version.

    Unknown members are ignored. Raises UnsupportedVersion for another version, FeedRefused for
    anything else: no JSON object, a member said twice, missing, or of another type or range.
    """
    try:
        members: dict[str, Any] = parse_object(payload)
    except MalformedJson as malformed:
        raise FeedRefused(str(malformed)) from None
    version = members.get("version")
    if type(version) is not int:
        raise FeedRefused("expected version to be an integer")
    if version != VERSION:
        raise UnsupportedVersion(f"expected version {VERSION}")
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as invalid:
        raise FeedRefused(str(invalid)) from None


def write_document(document: msgspec.Struct) -> bytes:
    """Return the JSON of a document, members in the order of its fields."""
    return msgspec.json.encode(document)


def read_bytes(text: str, what: str) -> bytes:
    """Decode base64url without padding, in its one spelling. Raises FeedRefused."""
    try:
        return base64url.decode(text.encode("ascii"))
    except ValueError:
        raise FeedRefused(f"expected {what} in base64url without padding") from None


def read_chain_value(text: str) -> ChainValue:
    """Decode a chain value. Raises FeedRefused unless it has 32 bytes."""
    value = read_bytes(text, "chain")
    if len(value) != CHAIN_BYTES:
        raise FeedRefused(f"expected a chain value of {CHAIN_BYTES} bytes")
    return ChainValue(value)
