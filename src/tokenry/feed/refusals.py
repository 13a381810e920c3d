"""Why something from the feed is not used. Raised for bytes, never for what records say."""


class FeedRefused(ValueError):
    """These bytes are not what the feed's reference page describes; nothing of them was used."""


class UnsupportedVersion(FeedRefused):
    """The object has a `version` that this release does not know: update it, guess nothing."""


class ExceedsCapacity(FeedRefused):
    """There are more live records than the view may hold: it must not be trusted (G-8)."""
