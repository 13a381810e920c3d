"""P-10: a protected GET over HTTP, beside a Node service that verifies with jose each time."""

import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers
from benchmarks.authority import AUDIENCE, Authority, authority
from benchmarks.measuring import Load, Measurement, burst, free_port, middle, server
from benchmarks.protected_request import on_the_wire

ROUNDS = 3


def measure() -> Iterator[Measurement]:
    """Both services take the same token from the same authority, which is idle meanwhile."""
    peers.prepare()
    ours: list[Load] = []
    node: list[Load] = []
    with tempfile.TemporaryDirectory() as folder, authority(pinned=False) as running:
        logs = Path(folder)
        jwks = urllib.request.urlopen(f"{running.issuer}/jwks").read().decode()
        request = on_the_wire(running.token())
        for _ in range(ROUNDS):
            ours.append(_ours(running, request, logs))
            port = free_port()
            script = peers.script("jose_service.mjs")
            command = [peers.NODE, script, str(port), running.issuer, AUDIENCE, jwks]
            with server(command, port, log=logs / "node.log") as pid:
                node.append(burst(port, request, pid))
    mine, theirs = middle(ours), middle(node)
    rate = mine.rate / theirs.rate
    yield Measurement(
        id="P-10",
        what="protected GET, rate on one core",
        unit="answers/s",
        ours=round(mine.rate),
        peer=round(theirs.rate),
        peer_name="node:http and jose 6",
        ratio=round(rate, 2),
        budget="≥ 4",
        within=rate >= 4,
    )


def _ours(running: Authority, request: bytes, logs: Path) -> Load:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.protected_service", str(port)]
    secrets = {
        "BENCH_ISSUER": running.issuer,
        "BENCH_AUDIENCE": AUDIENCE,
        "BENCH_SECRET": running.service_secret,
    }
    with server(command, port, log=logs / "ours.log", **secrets) as pid:
        return burst(port, request, pid)
