"""Audit entries as rows: one integer names the issuer and the entry's number (G-6).

issuer * 2^40 + number. Readers of one issuer's entries read one range of the table, and entries are
appended by the cheapest key that SQLite has.
"""

from typing import Final

_SHIFT: Final = 40


def first_row(issuer_id: int) -> int:
    """Return the row below an issuer's first entry: its entry number 0."""
    return issuer_id << _SHIFT


def last_row(issuer_id: int) -> int:
    """Return the highest row that an issuer's entries can have."""
    return ((issuer_id + 1) << _SHIFT) - 1
