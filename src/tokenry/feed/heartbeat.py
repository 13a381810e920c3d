"""Heartbeats: one signed statement of every head of an authority, as of one tick (G-1)."""

import msgspec

from tokenry.feed.chain import ChainHead
from tokenry.feed.document import (
    VERSION,
    Epoch,
    Number,
    read_chain_value,
    read_document,
    write_document,
)
from tokenry.feed.refusals import FeedRefused
from tokenry.vocabulary.identifiers import IssuerUrl, encode_base64url
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber


class _HeadDocument(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    epoch: Epoch
    last: Number
    chain: str
    profiles: Number


class _HeartbeatDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    closed: Number
    heads: list[_HeadDocument]


class IssuerHead(msgspec.Struct, frozen=True):
    """One issuer's head, and the version of the profile set in force there."""

    issuer: IssuerUrl
    head: ChainHead
    profiles: int


class Heartbeat(msgspec.Struct, frozen=True):
    """No record committed by the tick `closed` lies above its issuer's head. Verified."""

    closed: Instant
    heads: tuple[IssuerHead, ...]

    def of(self, issuer: IssuerUrl) -> IssuerHead | None:
        """Return what it says of an issuer, None if nothing."""
        return next((head for head in self.heads if head.issuer == issuer), None)

    def to_payload(self) -> bytes:
        """Return the bytes to sign, under typ `tokenry-heartbeat+jws`."""
        heads = [
            _HeadDocument(
                iss=stated.issuer,
                epoch=stated.head.epoch,
                last=stated.head.last,
                chain=encode_base64url(stated.head.chain),
                profiles=stated.profiles,
            )
            for stated in self.heads
        ]
        return write_document(_HeartbeatDocument(closed=self.closed, heads=heads))


def parse_heartbeat(verified_payload: bytes) -> Heartbeat:
    """Read a heartbeat whose signature was verified. Raises FeedRefused."""
    document = read_document(verified_payload, _HeartbeatDocument)
    heads = tuple(map(_issuer_head, document.heads))
    if len({stated.issuer for stated in heads}) != len(heads):
        raise FeedRefused("expected one head for each issuer")
    return Heartbeat(Instant(document.closed), heads)


def _issuer_head(document: _HeadDocument) -> IssuerHead:
    head = ChainHead(SequenceNumber(document.last), read_chain_value(document.chain))
    if head.epoch != document.epoch:
        raise FeedRefused("expected each head's last in its epoch")
    return IssuerHead(IssuerUrl(document.iss), head, document.profiles)
