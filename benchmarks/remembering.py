"""P-7: what a million live revocations take in a verifier: memory for each, time for a look-up."""

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import choice
from statistics import median

import msgspec

from benchmarks.alone import Stopwatch, alone
from benchmarks.measuring import Measurement
from benchmarks.revocations import frames, random_selector
from tokenry.feed.chain import head_before_first
from tokenry.feed.outcomes import Applied, Installed
from tokenry.feed.snapshot import load_snapshot, manifest_of
from tokenry.feed.staleness import ClockReading
from tokenry.feed.view import RevocationView
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant, Seconds
from tokenry.vocabulary.sequence import SequenceNumber

ISSUER = IssuerUrl("https://auth.example")
RECORDS = 1_000_000
TOKENS = 10_000
CLIENTS = 50
ALL_KINDS = 10
"""Selectors of a token with a session, a device and both ways of confirmation."""
OF_A_CLIENT = 6
"""Selectors of a client_credentials token: jti, grant, subject, client, audience, issuer."""
ROUNDS = 9


class Figures(msgspec.Struct):
    bytes_per_record: float
    look_up_us: dict[int, float]
    """By the number of selectors in a token."""


def measure() -> Iterator[Measurement]:
    """A view that lived through a million records, frame by frame."""
    figures = alone(take_figures)
    yield Measurement(
        id="P-7",
        what="memory of a live record, at a million",
        unit="B (resident)",
        ours=round(figures.bytes_per_record, 1),
        budget="≤ 150",
        within=figures.bytes_per_record <= 150,
    )
    for count, taken in figures.look_up_us.items():
        yield Measurement(
            id="P-7",
            what=f"look-up of a token's {count} selectors among a million",
            unit="µs",
            ours=round(taken, 3),
            budget="≤ 1",
            within=taken <= 1,
        )


def take_figures() -> Figures:
    view = RevocationView(ISSUER, leeway=Seconds(5))
    _synchronize(view)
    # Whatever code and buffers the first frames need is no record's memory.
    begin = _resident_bytes()
    for frame in frames(ISSUER, RECORDS):
        outcome = view.apply_frame(frame, _now())
        assert isinstance(outcome, Applied), outcome
    gc.collect()
    taken = _resident_bytes() - begin
    assert len(view) == RECORDS
    look_ups = {count: _look_up_us(view, count) for count in (OF_A_CLIENT, ALL_KINDS)}
    return Figures(taken / RECORDS, look_ups)


def _look_up_us(view: RevocationView, count: int) -> float:
    """The usual answer, "none of these", for so many tokens that most of it comes from memory."""
    constant = [random_selector(), random_selector()]  # audience and issuer
    clients = [random_selector() for _ in range(CLIENTS)]
    tokens = [
        frozenset([*constant, choice(clients), *(random_selector() for _ in range(count - 3))])
        for _ in range(TOKENS)
    ]
    born = SequenceNumber(1)
    taken = []
    for _ in range(ROUNDS):
        with Stopwatch() as watch:
            for selectors in tokens:
                view.matches(selectors, born)
        taken.append(watch.us / TOKENS)
    return median(taken)


def _synchronize(view: RevocationView) -> None:
    head = head_before_first(ISSUER, 1)
    manifest = manifest_of(ISSUER, head, b"", closed=_now().now, profiles=1)
    outcome = view.install(load_snapshot(manifest, b"", capacity=view.capacity), _now())
    assert isinstance(outcome, Installed), outcome


def _now() -> ClockReading:
    return ClockReading(Instant(time.time_ns() // 1_000_000), time.monotonic())


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
