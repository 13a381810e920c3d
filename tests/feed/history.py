"""A random history of one issuer, everything that could be sent of it, and what it revokes."""

from hypothesis import strategies as st

from tokenry.feed.chain import ChainHead, extend_chain, head_before_first
from tokenry.feed.frame import NOTHING_STATED, Frame
from tokenry.feed.heartbeat import Heartbeat, IssuerHead
from tokenry.feed.packed_records import pack_records
from tokenry.feed.record import NEVER, Record, RecordType
from tokenry.feed.snapshot import LoadedSnapshot, load_snapshot, manifest_of
from tokenry.feed.staleness import ClockReading
from tokenry.feed.view import RevocationView
from tokenry.vocabulary.sequence import sequence_number

ISSUER = "https://auth.example"
NOW = 1_800_000_000_000
SECONDS = NOW // 1000
LEEWAY = 5
CAPACITY = 1000
POOL = tuple(bytes([0x10 * (n % 3), n]) * 8 for n in range(6))
"""Few selectors, so that records renew each other; some share a bucket."""


def number(n: int, epoch: int = 1) -> int:
    return sequence_number(epoch, n)


def record(n: int, selector: bytes, *, expires=SECONDS + 300, is_key=False, epoch=1) -> Record:
    kind = RecordType.KEY if is_key else RecordType.SELECTOR
    seq = number(n, epoch)
    return Record(seq, kind, selector, seq, NEVER if is_key else expires)


def reading(seconds: float = 0.0) -> ClockReading:
    """Right clocks, so many seconds after NOW."""
    return ClockReading(NOW + round(seconds * 1000), 1000.0 + seconds)


class History:
    """Records 1 to N of an epoch. `closed_at(n)` is the tick at which n was the head."""

    def __init__(self, records: list[Record], *, epoch: int = 1) -> None:
        self.records = records
        self.epoch = epoch
        self.heads = [head_before_first(ISSUER, epoch)]
        for each in records:
            chain = extend_chain(self.heads[-1].chain, each.to_bytes())
            self.heads.append(ChainHead(each.seq, chain))

    def __len__(self) -> int:
        return len(self.records)

    def closed_at(self, n: int) -> int:
        return NOW - 100 + n

    def frame(self, first: int, last: int, *, closed=NOTHING_STATED, profiles=1) -> Frame:
        """Records `first` to `last`, counted from 1; empty if `first` is behind `last`."""
        return Frame(
            issuer=ISSUER,
            epoch=self.epoch,
            first=number(first, self.epoch),
            last=number(last, self.epoch),
            closed=closed,
            chain=self.heads[last].chain,
            profiles=profiles,
            records=pack_records(self.records[first - 1 : last]),
        )

    def empty_frame(self, n: int, *, closed: int | None = None) -> Frame:
        return self.frame(n + 1, n, closed=self.closed_at(n) if closed is None else closed)

    def heartbeat(self, n: int, *, closed: int | None = None) -> Heartbeat:
        stated = self.closed_at(n) if closed is None else closed
        return Heartbeat(stated, (IssuerHead(ISSUER, self.heads[n], 1),))

    def snapshot(
        self, n: int, *, closed: int | None = None, view: RevocationView | None = None
    ) -> LoadedSnapshot:
        """What is live at `n` by `closed`; with `view`, loaded with what that knew."""
        stated = self.closed_at(n) if closed is None else closed
        live = pack_records([r for r in self.records[:n] if r.expires >= stated // 1000])
        manifest = manifest_of(ISSUER, self.heads[n], live, closed=stated, profiles=1)
        return load_snapshot(
            manifest,
            live,
            capacity=CAPACITY if view is None else view.capacity,
            predecessor=None if view is None else view.predecessor(),
        )

    def revokes(self, n: int, selectors: frozenset[bytes], rsn: int) -> int | None:
        """What the first n records say, by reading all of them."""
        befores = [
            each.before
            for each in self.records[:n]
            if each.type is RecordType.SELECTOR and each.selector in selectors
        ]
        return max((before for before in befores if rsn < before), default=None)

    def removed_keys(self, n: int) -> set[bytes]:
        return {r.selector for r in self.records[:n] if r.type is RecordType.KEY}


def synchronized(history: History, n: int = 0, **options) -> RevocationView:
    """A view that has a snapshot of the first n records."""
    view = RevocationView(ISSUER, leeway=LEEWAY, **{"capacity": CAPACITY} | options)
    view.install(history.snapshot(n, view=view), reading())
    return view


@st.composite
def histories(draw, *, least=1, most=30, spread=0) -> History:
    """Up to `most` records; `expires` spreads over so many seconds after NOW + 300."""
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(POOL), st.integers(0, spread), st.integers(0, 9)),
            min_size=least,
            max_size=most,
        )
    )
    return History(
        [
            record(n, selector, expires=SECONDS + 300 + late, is_key=kind == 0)
            for n, (selector, late, kind) in enumerate(drawn, start=1)
        ]
    )


def simple_history(count: int) -> History:
    """Records with selectors of their own."""
    return History([record(n, n.to_bytes(16, "big")) for n in range(1, count + 1)])
