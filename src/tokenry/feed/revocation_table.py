"""Live revocations by selector: a set that answers "none of these" in one call, and the details.

Nearly every look-up ends with "none of these", so that answer is one C call on a set, which is
twice as fast as on a dict. Buckets by the selectors' first bits hold what each selector means, in
packed columns: Python objects would cost more than all the rest, for memory and for the garbage
collector (P-7). Only who hits the set pays for searching a bucket.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Mapping
from itertools import compress
from operator import not_
from typing import Final

import msgspec

from tokenry.feed.packed_records import Entry, key_selectors, selector_entries
from tokenry.feed.refusals import ExceedsCapacity
from tokenry.vocabulary.selectors import SELECTOR_BYTES, Selector
from tokenry.vocabulary.sequence import SequenceNumber

BUCKETS: Final = 4096
"""Selectors are spread over them by their first twelve bits."""

_SELECTOR: Final = struct.Struct(f"{SELECTOR_BYTES}s")


class _Bucket:
    """Columns: entry i of each belongs together. `selectors` has 16 bytes for each."""

    __slots__ = ("befores", "expires", "selectors")

    def __init__(
        self,
        selectors: Iterable[Selector] = (),
        befores: Iterable[int] = (),
        expires: Iterable[int] = (),
    ) -> None:
        self.selectors = bytearray().join(selectors)
        self.befores = array("Q", befores)
        self.expires = array("Q", expires)

    def index(self, selector: Selector) -> int:
        """Return i of a selector, -1 if it is not here."""
        at = self.selectors.find(selector)
        while at > 0 and at % SELECTOR_BYTES:
            at = self.selectors.find(selector, at + 1)
        return at // SELECTOR_BYTES

    def each_selector(self) -> list[Selector]:
        return [Selector(selector) for (selector,) in _SELECTOR.iter_unpack(self.selectors)]

    def entries(self) -> set[Entry]:
        return set(zip(self.each_selector(), self.befores, self.expires, strict=True))

    def copy(self) -> "_Bucket":
        copied = _Bucket()
        copied.selectors = self.selectors[:]
        copied.befores = self.befores[:]
        copied.expires = self.expires[:]
        return copied


class KeptRecords(msgspec.Struct, frozen=True):
    """A copy of a table, for another thread to read."""

    removed_keys: frozenset[Selector]
    buckets: Mapping[int, _Bucket]


class RevocationTable:
    """What is revoked before which number, until when; and which keys are dropped for good.

    One thread writes; others may ask at the same time. At most `capacity` selectors and keys.
    """

    def __init__(self, *, capacity: int) -> None:
        self.capacity = capacity
        self.removed_keys: set[Selector] = set()
        self._selectors: set[Selector] = set()
        self._buckets: dict[int, _Bucket] = {}
        self._next_to_sweep = 0
        self.holds_none_of: Callable[[frozenset[Selector]], bool] = self._selectors.isdisjoint
        """Say whether no live record has any of the selectors: the fast path, nothing around it."""

    def __len__(self) -> int:
        return len(self._selectors) + len(self.removed_keys)

    def before(self, selector: Selector) -> SequenceNumber | None:
        """Return the number below which what carries the selector is revoked, if there is one."""
        if selector not in self._selectors:
            return None
        # Another thread may have dropped it from its bucket, or the bucket, since.
        bucket = self._buckets.get(_bucket_of(selector))
        at = -1 if bucket is None else bucket.index(selector)
        return None if bucket is None or at < 0 else SequenceNumber(bucket.befores[at])

    def put(self, entries: Iterable[Entry]) -> None:
        """Add selectors, each with `before` and `expires`; of several on one the latest hold.

        Raises ExceedsCapacity after adding those that fit; adding them again changes nothing.
        """
        # One loop with everything at hand: a million of them should take about a second.
        known, buckets = self._selectors, self._buckets
        room = self.capacity - len(self)
        for selector, before, expires in entries:
            if selector in known:
                self._renew(selector, before, expires)
                continue
            if room <= 0:
                raise ExceedsCapacity(f"expected at most {self.capacity} live revocations")
            room -= 1
            number = selector[0] << 4 | selector[1] >> 4
            bucket = buckets.get(number)
            if bucket is None:
                bucket = buckets[number] = _Bucket()
            # The selector last, then the set: whoever finds a selector finds what it means.
            bucket.befores.append(before)
            bucket.expires.append(expires)
            bucket.selectors += selector
            known.add(selector)

    def remove_keys(self, selectors: Iterable[Selector]) -> None:
        """Drop keys for good. Raises ExceedsCapacity after dropping those that fit."""
        for selector in selectors:
            if selector not in self.removed_keys:
                if len(self) >= self.capacity:
                    raise ExceedsCapacity(f"expected at most {self.capacity} live revocations")
                self.removed_keys.add(selector)

    def put_records(self, packed: bytes) -> None:
        """Add checked records, 41 bytes each, as `remove_keys` and `put` do."""
        self.remove_keys(key_selectors(packed))
        self.put(selector_entries(packed))

    def kept(self) -> KeptRecords:
        """Return a copy; takes some milliseconds for a million records."""
        buckets = {number: bucket.copy() for number, bucket in self._buckets.items()}
        return KeptRecords(frozenset(self.removed_keys), buckets)

    def merge(self, kept: KeptRecords, *, limit: int) -> None:
        """Add what another table had, as `remove_keys` and `put` do, but for what has expired.

        `limit` as in `drop_expired`.
        """
        self.remove_keys(kept.removed_keys)
        for number, bucket in kept.buckets.items():
            own = self._buckets.get(number)
            lacking = bucket.entries() if own is None else bucket.entries() - own.entries()
            self.put([entry for entry in lacking if entry[2] >= limit])

    def drop_expired(self, limit: int, *, buckets: int = BUCKETS) -> None:
        """Drop what has an `expires` (NumericDate) below `limit`, in the next so many buckets.

        Calls take turns over all buckets, so that none of them need take long.
        """
        for turn in range(self._next_to_sweep, self._next_to_sweep + buckets):
            number = turn % BUCKETS
            bucket = self._buckets.get(number)
            if bucket is not None and min(bucket.expires) < limit:
                self._drop_from(bucket, number, limit)
        self._next_to_sweep = (self._next_to_sweep + buckets) % BUCKETS

    def _renew(self, selector: Selector, before: int, expires: int) -> None:
        bucket = self._buckets[_bucket_of(selector)]
        at = bucket.index(selector)
        bucket.befores[at] = max(bucket.befores[at], before)
        bucket.expires[at] = max(bucket.expires[at], expires)

    def _drop_from(self, bucket: _Bucket, number: int, limit: int) -> None:
        live = [expires >= limit for expires in bucket.expires]
        selectors = bucket.each_selector()
        self._selectors.difference_update(compress(selectors, map(not_, live)))
        if any(live):
            # A new bucket in its place: a reader may be between two columns of this one.
            self._buckets[number] = _Bucket(
                compress(selectors, live),
                compress(bucket.befores, live),
                compress(bucket.expires, live),
            )
        else:
            del self._buckets[number]


def _bucket_of(selector: Selector) -> int:
    return selector[0] << 4 | selector[1] >> 4
