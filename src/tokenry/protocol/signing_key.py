"""A signing key and the states it passes through (G-5).

announced → active → retired → destroyed; `kid` is the RFC 7638 thumbprint of the public key.
"""

from enum import StrEnum
from typing import Final

import msgspec

from tokenry.vocabulary.identifiers import KeyId
from tokenry.vocabulary.instant import Instant


class KeyUse(StrEnum):
    """One key, one use: a feed signature can never be taken for a token's."""

    TOKEN = "token"
    FEED = "feed"


class KeyState(StrEnum):
    """Where a key is in its life."""

    ANNOUNCED = "announced"
    ACTIVE = "active"
    RETIRED = "retired"
    DESTROYED = "destroyed"


NEXT_STATES: Final = {
    KeyState.ANNOUNCED: frozenset({KeyState.ACTIVE, KeyState.DESTROYED}),
    KeyState.ACTIVE: frozenset({KeyState.RETIRED, KeyState.DESTROYED}),
    KeyState.RETIRED: frozenset({KeyState.DESTROYED}),
    KeyState.DESTROYED: frozenset(),
}


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as stored: public JWK as JSON bytes, private part wrapped (empty once destroyed).

    `activates_at` and `destroy_at` are plans; `state` is what holds. Destroyed keys keep their row.
    """

    kid: KeyId
    use: KeyUse
    algorithm: str
    state: KeyState
    announced_at: Instant
    activates_at: Instant
    retired_at: Instant | None = None
    destroy_at: Instant | None = None
    public_jwk: bytes
    wrapped_private: bytes
