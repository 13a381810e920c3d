"""How long rows outlive what they are kept for, the same in every adapter (R-36).

Everything is measured against the newest committed tick, never against a local clock: without
ticks nothing is removed.
"""

from typing import Final

from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant, Seconds

EXPIRY_MARGIN: Final = Seconds(60)
"""Added to `expires` of records and reference tokens: the longest leeway a verifier may declare."""
REPLAY_BUCKET: Final = Seconds(60)
"""Width of a bucket of replay keys; a key is kept at most this much longer than it asked for."""

_BUCKET_MS: Final = REPLAY_BUCKET * MILLISECONDS_PER_SECOND


def replay_bucket(until: Instant) -> int:
    """Return the bucket of a claim, chosen by the claim's own `until` (G-2)."""
    return until // _BUCKET_MS


def last_outlived_bucket(tick: Instant) -> int:
    """Return the highest bucket of which every claim's `until` has passed at `tick`."""
    return tick // _BUCKET_MS - 1


def expiry_outlived(tick: Instant) -> int:
    """Return the latest NumericDate that, with its margin, has passed at `tick`."""
    return tick // MILLISECONDS_PER_SECOND - EXPIRY_MARGIN
