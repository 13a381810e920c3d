"""P-6: from "revoked" to refused by each of 200 verifiers, beside the bare delivery to as many."""

import contextlib
import http.client
import math
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from random import uniform

import msgspec

from benchmarks.authority import Authority, authority
from benchmarks.measuring import Measurement
from benchmarks.subscribers import listen

PROCESSES = 4
IN_EACH = 50
REVOCATIONS = 40
PATIENCE = 30
START_PATIENCE = 120
"""Seconds after which something that did not answer is an error."""


def measure() -> Iterator[Measurement]:
    """Both over loopback from one authority, in turn; nothing is pinned, as the cores are shared.

    The bare sockets show what the transport alone takes: they read no frame and decide nothing.
    """
    with authority(pinned=False) as running:
        sockets = _delays_ms(running, "sockets")
        verifiers = _delays_ms(running, "verifiers")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        ours, bare = _quantile(verifiers, share), _quantile(sockets, share)
        yield Measurement(
            id="P-6",
            what=f"revoke answered to refused by {PROCESSES * IN_EACH} verifiers, {name}",
            unit="ms",
            ours=round(ours, 2),
            peer=round(bare, 2),
            peer_name="frame received, unread",
            ratio=round(ours / bare, 2) if bare > 0 else None,
            budget="≤ 40" if name == "p99" else "none",
            within=name != "p99" or ours <= 40,
        )


def _delays_ms(running: Authority, kind: str) -> list[float]:
    """Per revocation and listener: milliseconds from the answer; negative if it knew before."""
    with _listeners(running, kind) as pipes:
        delays = []
        for _ in range(REVOCATIONS):
            # Apart from each other: one that follows at once would wait to share a frame.
            time.sleep(uniform(0.05, 0.15))
            token = running.token()
            for pipe in pipes:
                pipe.send(token)
            for pipe in pipes:
                _receive(pipe)
            answered = _revoke(running, token)
            for pipe in pipes:
                delays += [(knew - answered) / 1e6 for knew in _receive(pipe)]
        return delays


@contextlib.contextmanager
def _listeners(running: Authority, kind: str) -> Iterator[Sequence[Connection]]:
    fresh = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    try:
        for _ in range(PROCESSES):
            pipe, theirs = fresh.Pipe()
            process = fresh.Process(target=listen, args=(theirs, running, kind, IN_EACH))
            process.start()
            theirs.close()
            pipes.append(pipe)
            processes.append(process)
        for pipe in pipes:
            _receive(pipe, patience=START_PATIENCE)
        yield pipes
        for pipe in pipes:
            pipe.send("")
        for process in processes:
            process.join(PATIENCE)
    finally:
        for process in processes:
            process.kill()


def _receive(pipe: Connection, *, patience: float = PATIENCE):
    if not pipe.poll(patience):
        raise RuntimeError("a process with listeners did not answer")
    return pipe.recv()


def _revoke(running: Authority, token: str) -> int:
    """Revoke as an operator; return the nanosecond at which the answer was read."""
    connection = http.client.HTTPConnection("127.0.0.1", running.admin_port, timeout=PATIENCE)
    headers = {
        "authorization": f"Bearer {running.operator_token}",
        "content-type": "application/json",
    }
    body = msgspec.json.encode({"token": token})
    connection.request("POST", "/admin/v1/revocations", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    answered = time.monotonic_ns()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"expected the token to be revoked, got {answer.status}: {text!r}")
    return answered


def _quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
