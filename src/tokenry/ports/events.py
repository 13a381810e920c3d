"""What happened, for those who watch: one vocabulary of counts, levels, durations and notes (R-64).

Use cases tell an `Events`; who listens (metrics, logs, nobody) is none of their business. Telling
never raises, never blocks and never awaits. No token, secret or personal data is ever told:
labels are drawn from small closed sets, so that no caller can make metrics grow.
"""

from enum import StrEnum
from typing import Final, Protocol


class Counted(StrEnum):
    """Things that are counted. The labels each takes are named behind it."""

    ISSUED = "tokens_issued"
    """`format` (jwt, opaque), `resource_server`."""
    INTROSPECTED = "tokens_introspected"
    """`active` (true, false)."""
    REFUSED = "requests_refused"
    """`endpoint` (token, revoke, ...), `code` (the public error code)."""
    FAILED = "requests_failed"
    """`endpoint`, `failure` (the class of the infrastructure failure)."""
    REVOKED = "revocations"
    """`kind` (a `SelectorKind`): new numbers taken."""
    FRAME_PUBLISHED = "feed_frames"
    """No labels: frames signed."""
    SUBSCRIBER_DROPPED = "feed_subscribers_dropped"
    """No labels: subscribers that read too slowly and must resume."""
    TICK_FAILED = "ticks_failed"
    """No labels: seconds in which no tick could be committed."""
    PURGED = "rows_purged"
    """`kind` (records, floors, replay_keys, ...)."""
    KEY_CHANGED = "keys_changed"
    """`state` (a `KeyState`)."""


class Level(StrEnum):
    """Things that have a present value."""

    FEED_SUBSCRIBERS = "feed_subscribers"
    """No labels: streams open on this node."""
    FEED_HEAD_LAG = "feed_publisher_lag_records"
    """No labels: records committed and not yet published by this node."""
    CLOCK_OFFSET = "clock_offset_seconds"
    """No labels: this node's clock minus the database's."""
    COMMIT_QUEUE_DEPTH = "commit_queue_depth"
    """No labels: plans waiting for a commit."""
    VERIFIER_LAG = "verifier_lag_seconds"
    """`resource_server`: the largest lag that a verifier has lately reported."""
    VERIFIER_RECORDS_BEHIND = "verifier_records_behind"
    """`resource_server`: head minus the lowest head that a verifier has lately reported."""
    VERIFIERS_UNSYNCHRONIZED = "verifiers_unsynchronized"
    """`resource_server`: verifiers that lately reported that they may not use their view."""
    VERIFIERS = "verifiers"
    """`resource_server`: verifiers that have lately reported."""


class Timed(StrEnum):
    """Things whose duration is observed, in seconds."""

    FEED_PUBLISH = "feed_publish_seconds"
    """No labels: from the wake-up to the frame in every subscriber's queue."""
    REQUEST = "request_seconds"
    """`endpoint`."""
    KEY_CREATION = "key_creation_seconds"
    """`algorithm`."""


class Noted(StrEnum):
    """How much a note matters to somebody on call."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Events(Protocol):
    """Told what happened. Safe to call from the event loop and from threads."""

    def count(self, event: Counted, amount: int = 1, /, **labels: str) -> None:
        """Add `amount` (not negative) to a count."""

    def level(self, level: Level, value: float, /, **labels: str) -> None:
        """State a present value."""

    def took(self, what: Timed, seconds: float, /, **labels: str) -> None:
        """Observe a duration."""

    def note(
        self, weight: Noted, what: str, /, *, error: BaseException | None = None, **facts: str | int
    ) -> None:
        """Say a sentence to the log, with the error behind it, if any, and the trace id."""


class Unheard:
    """An `Events` that nobody listens to: for tools and tests without telemetry."""

    def count(self, event: Counted, amount: int = 1, /, **labels: str) -> None:
        """Do nothing."""

    def level(self, level: Level, value: float, /, **labels: str) -> None:
        """Do nothing."""

    def took(self, what: Timed, seconds: float, /, **labels: str) -> None:
        """Do nothing."""

    def note(
        self, weight: Noted, what: str, /, *, error: BaseException | None = None, **facts: str | int
    ) -> None:
        """Do nothing."""


UNHEARD: Final[Events] = Unheard()
