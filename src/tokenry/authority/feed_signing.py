"""Signing what the feed says, with the feed key of the moment, and wrapping it for the stream."""

from enum import StrEnum
from typing import Final

from tokenry.authority.key_ring import KeyRing
from tokenry.jose import attach, signing_input
from tokenry.ports.surroundings import Signer
from tokenry.vocabulary.errors import SignerUnavailable
from tokenry.vocabulary.identifiers import KeyId
from tokenry.vocabulary.sequence import SequenceNumber


class FeedType(StrEnum):
    """`typ` of each signed object of the feed."""

    FRAME = "tokenry-frame+jws"
    HEARTBEAT = "tokenry-heartbeat+jws"
    PROFILE = "tokenry-profile+jws"
    SNAPSHOT = "tokenry-snapshot+jws"


class FeedSigning:
    """Signs feed objects of one issuer."""

    def __init__(self, *, ring: KeyRing, signer: Signer) -> None:
        self._ring = ring
        self._signer = signer

    @property
    def kid(self) -> KeyId:
        """The key that signs now. Raises SignerUnavailable."""
        return self._ring.feed_header(FeedType.FRAME).kid

    async def sign(self, typ: FeedType, payload: bytes) -> str:
        """Return the compact JWS of a payload. Raises SignerUnavailable."""
        slot = self._ring.feed_header(typ)
        try:
            signed = signing_input(slot.header, payload)
            return attach(signed, await self._signer.sign(slot.kid, signed))
        except SignerUnavailable:
            # The key was destroyed in between; then another one signs by now, or none does.
            if self._ring.feed_header(typ) == slot:
                raise
            return await self.sign(typ, payload)


FRAME_EVENT: Final = b"event: frame\nid: %d\ndata: %b\n\n"
HEARTBEAT_EVENT: Final = b"event: heartbeat\ndata: %b\n\n"
PROFILE_EVENT: Final = b"event: profile\ndata: %b\n\n"
GAP_EVENT: Final = b'event: gap\ndata: {"after":%d}\n\n'


def frame_block(last: SequenceNumber, jws: str) -> bytes:
    """Return a frame as a server-sent event; who reconnects names `last`."""
    return FRAME_EVENT % (last, jws.encode("ascii"))


def heartbeat_block(jws: str) -> bytes:
    """Return a heartbeat as a server-sent event, without an id: it moves nobody on."""
    return HEARTBEAT_EVENT % jws.encode("ascii")


def profile_block(jws: str) -> bytes:
    """Return a profile as a server-sent event."""
    return PROFILE_EVENT % jws.encode("ascii")


def gap_block(after: SequenceNumber) -> bytes:
    """Say that records after that number are no longer kept."""
    return GAP_EVENT % after
