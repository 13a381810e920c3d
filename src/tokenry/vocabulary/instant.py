"""Points in time and durations, with the unit in the type.

An `Instant` is whole milliseconds since 1970-01-01T00:00:00Z; a `Seconds` is a whole duration.
Tokens carry NumericDates in seconds (RFC 7519 §2): convert at the edge with the functions here.
"""

from typing import NewType

Instant = NewType("Instant", int)
Seconds = NewType("Seconds", int)

MILLISECONDS_PER_SECOND = 1000


def instant_from_numeric_date(numeric_date: int) -> Instant:
    """Turn a NumericDate (whole seconds) into an Instant."""
    return Instant(numeric_date * MILLISECONDS_PER_SECOND)


def numeric_date(instant: Instant) -> int:
    """Turn an Instant into a NumericDate, rounding down (a token never claims a later start)."""
    return instant // MILLISECONDS_PER_SECOND


def later(instant: Instant, by: Seconds) -> Instant:
    """Return the instant `by` seconds after `instant` (before it, if negative)."""
    return Instant(instant + by * MILLISECONDS_PER_SECOND)


def has_expired(expires_at: Instant, *, now: Instant, leeway: Seconds) -> bool:
    """Say whether `expires_at` plus `leeway` is not after `now` (RFC 7519 §4.1.4)."""
    return now >= expires_at + leeway * MILLISECONDS_PER_SECOND
