"""Decide which skipped tests may stay skipped where every test is expected to run.

`tests/allowed-skips.txt` holds one entry a line: a pattern of test ids, " -- ", and words that the
skip's own reason must contain, so that a test that is skipped for another reason is not excused.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple


class Skip(NamedTuple):
    """A test that did not run, and why."""

    test: str
    reason: str


class AllowedSkip(NamedTuple):
    """A line of the file: which tests, and the words that their reason must contain."""

    pattern: str
    reason: str

    def covers(self, skip: Skip) -> bool:
        return fnmatchcase(skip.test, self.pattern) and self.reason in skip.reason


def parse_allowed_skips(text: str) -> list[AllowedSkip]:
    """Parse the file. Raises ValueError for a line that gives no reason."""
    allowed = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        pattern, separator, reason = (part.strip() for part in entry.partition(" -- "))
        if not separator or not pattern or not reason:
            expected = "expected 'TEST ID -- REASON'"
            raise ValueError(f"tests/allowed-skips.txt line {number}: {expected}, found {entry!r}")
        allowed.append(AllowedSkip(pattern, reason))
    return allowed


def skips_not_allowed(skips: list[Skip], allowed: list[AllowedSkip]) -> list[Skip]:
    """Return the skips that no entry covers, in the order given."""
    return [skip for skip in skips if not any(entry.covers(skip) for entry in allowed)]
