"""P-1: client_credentials over `tokenry serve`, durable and audited, beside two yardsticks."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers
from benchmarks.authority import FORM, authority, basic
from benchmarks.measuring import Load, Measurement, burst, form_post, free_port, middle, server

ROUNDS = 3


def measure() -> Iterator[Measurement]:
    """Each round runs all three servers in turn, so that a drifting machine moves all of them."""
    peers.prepare()
    ours: list[Load] = []
    least: list[Load] = []
    node: list[Load] = []
    secret = "s" * 43
    request = form_post("/token", FORM, authorization=basic("bench", secret))
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        for _ in range(ROUNDS):
            with authority() as running:
                ours.append(burst(running.public_port, running.token_request, running.pid))
            port = free_port()
            command = [sys.executable, "-m", "benchmarks.reference_app", str(port)]
            with server(command, port, log=logs / "least.log", BENCH_SECRET=secret) as pid:
                least.append(burst(port, request, pid))
            port = free_port()
            command = [peers.NODE, peers.script("oidc_provider.mjs"), str(port), secret, "jwt"]
            with server(command, port, log=logs / "node.log") as pid:
                node.append(burst(port, request, pid))
    mine, smallest, theirs = middle(ours), middle(least), middle(node)
    cost = mine.cpu_us / smallest.cpu_us
    yield Measurement(
        id="P-1",
        what="client_credentials, CPU per token",
        unit="µs",
        ours=round(mine.cpu_us, 1),
        peer=round(smallest.cpu_us, 1),
        peer_name="the least ASGI application",
        ratio=round(cost, 2),
        budget="≤ 1.6",
        within=cost <= 1.6,
    )
    rate = mine.rate / theirs.rate
    yield Measurement(
        id="P-1",
        what="client_credentials, rate on one core",
        unit="tokens/s",
        ours=round(mine.rate),
        peer=round(theirs.rate),
        peer_name="oidc-provider 9, in memory",
        ratio=round(rate, 2),
        budget="≥ 3",
        within=rate >= 3,
    )
