"""P-10: a protected GET over HTTP, beside a Node service that verifies with jose each time."""

import socket
import sys
import tempfile
import time
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
    # On a machine that others use too, rates sink by what those take; the CPU per answer does not.
    cost = theirs.cpu_us / mine.cpu_us
    yield Measurement(
        id="P-10",
        what="protected GET, CPU per answer",
        unit="µs",
        ours=round(mine.cpu_us, 1),
        peer=round(theirs.cpu_us, 1),
        peer_name="node:http and jose 6",
        ratio=round(cost, 2),
        budget="≥ 4",
        within=cost >= 4,
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
        _until_accepted(port, request)
        return burst(port, request, pid)


def _until_accepted(port: int, request: bytes) -> None:
    """Wait for the first sync: until then the service answers 503, which is no burst's business."""
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request)
            if connection.recv(4096).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.1)
    raise RuntimeError("the service never accepted its token")
