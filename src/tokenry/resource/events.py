"""What a verifier tells whoever listens: refusals, staleness, the state of its feed (R-64).

A hook is called where the thing happens, on the event loop or in a caller's thread: it must be
quick and must not block. No event holds a token, a header or a URL.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from tokenry.feed.staleness import Tier
from tokenry.resource.refusal import Reason
from tokenry.vocabulary.sequence import SequenceNumber

_LOGGER: Final = logging.getLogger("tokenry.resource")


class Refused(msgspec.Struct, frozen=True):
    """A request was refused. `because` is for people who run the service, not for the client."""

    reason: Reason
    because: str


class Synchronized(msgspec.Struct, frozen=True):
    """All records up to `head` are applied, after a start or a snapshot."""

    head: SequenceNumber
    records: int


class TierChanged(msgspec.Struct, frozen=True):
    """What staleness allows has changed (G-1)."""

    before: Tier
    now: Tier


class FeedLost(msgspec.Struct, frozen=True):
    """The feed is not being received; the next attempt follows after `retry_in` seconds."""

    because: str
    retry_in: float


class KeysChanged(msgspec.Struct, frozen=True):
    """The issuer's usable token keys, by thumbprint."""

    thumbprints: tuple[str, ...]


class AlarmKind(StrEnum):
    """Things that a person must look at."""

    CLOCK = "clock"
    """This machine's clock and the database's differ by more than a second."""
    HISTORY = "history"
    """The issuer has signed two histories: trust in its feed has lapsed."""
    SIGNATURE = "signature"
    """Something on the feed was not signed by a feed key."""
    VIEW_FULL = "view_full"
    """There are more live revocations than this verifier may hold: it refuses everything."""
    FAULT = "fault"
    """The follower itself failed; it starts anew when the next request needs it."""


class Alarm(msgspec.Struct, frozen=True):
    """Something is wrong that time alone will not mend."""

    kind: AlarmKind
    because: str


Event = Refused | Synchronized | TierChanged | FeedLost | KeysChanged | Alarm
EventHook = Callable[[Event], None]


def unheard(_event: Event) -> None:
    """Listen to nothing."""


def quietly(hook: EventHook) -> EventHook:
    """Return the hook with its own failures logged: a listener never changes a decision."""

    def tell(event: Event) -> None:
        try:
            hook(event)
        except Exception:
            _LOGGER.warning("the event hook raised", exc_info=True)

    return hook if hook is unheard else tell
