"""Clock, keys, signatures and wake-ups: the world outside, behind verbs."""

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from tokenry.protocol.signing_key import KeyUse, SigningKey
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId
from tokenry.vocabulary.instant import Instant


class Clock(Protocol):
    """Wall time and a monotonic time that goes on while the machine sleeps."""

    def now(self) -> Instant:
        """Return milliseconds since the epoch, UTC."""

    def boottime(self) -> float:
        """Return seconds on CLOCK_BOOTTIME (or the nearest the platform has)."""


class ClockGuard(Protocol):
    """Knows whether this node's clock can be trusted."""

    def require_right_clock(self) -> None:
        """Raise ClockIsOff while the clock is over a second off the database's (G-1)."""


class KeyWrapper(Protocol):
    """Keeps private keys unreadable at rest (G-5)."""

    def wrap(self, secret: bytes, *, associated: bytes) -> bytes:
        """Encrypt with authentication; `associated` must be given again to unwrap."""

    def unwrap(self, wrapped: bytes, *, associated: bytes) -> bytes:
        """Decrypt. Raises SignerUnavailable if altered, or wrapped under another key or context."""


class KeyMaterial(msgspec.Struct, frozen=True):
    """A new key: its kid (thumbprint), public JWK as JSON bytes, and wrapped private part."""

    kid: KeyId
    public_jwk: bytes
    wrapped_private: bytes


class Signer(Protocol):
    """Makes keys and signatures; private keys never leave it unwrapped."""

    def create(self, issuer: IssuerUrl, *, use: KeyUse, algorithm: str) -> KeyMaterial:
        """Generate a key pair. Raises SignerUnavailable."""

    def hold(self, issuer: IssuerUrl, keys: Iterable[SigningKey]) -> None:
        """Be ready to sign with exactly these keys of the issuer; others are forgotten."""

    async def sign(self, kid: KeyId, signing_input: bytes) -> bytes:
        """Return the raw JWS signature. Raises SignerUnavailable for a key not held."""


class Bus(Protocol):
    """Wakes publishers when an issuer's head moved. May lose, repeat or reorder (G-1)."""

    def announce(self, issuer: IssuerUrl) -> None:
        """Tell every node, this one included. Never raises, never blocks."""

    def subscribe(self, wake: Callable[[IssuerUrl], None]) -> Callable[[], None]:
        """Call `wake` on each announcement until the returned function is called."""

    async def close(self) -> None:
        """Stop delivering."""
