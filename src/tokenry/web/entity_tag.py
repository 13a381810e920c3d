"""If-None-Match: whether the caller already has what would be sent (RFC 9110 §13.1.2)."""


def is_still(tag: bytes, if_none_match: bytes | None) -> bool:
    """Say whether `tag`, a strong entity tag with its quotes, is among those the caller named.

    Compared weakly, as the header asks for: caches may have weakened what they keep.
    """
    if if_none_match is None:
        return False
    named = [each.strip().removeprefix(b"W/") for each in if_none_match.split(b",")]
    return tag in named or named == [b"*"]
