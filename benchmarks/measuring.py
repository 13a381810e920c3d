"""What one measurement is, and how processes are pinned, watched and loaded."""

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec

SERVER_CORE = 0
LOAD_CORE = min(1, (os.cpu_count() or 1) - 1)


class Measurement(msgspec.Struct, kw_only=True):
    """One line of `make bench`: `ours` and `peer` in `unit`, `ratio` as the budget states it."""

    id: str
    what: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    budget: str
    within: bool


class Load(msgspec.Struct):
    """What a burst of requests gave: answers per second, and server CPU per answer in µs."""

    rate: float
    cpu_us: float
    failures: int


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its threads so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextlib.contextmanager
def server(command: Sequence[str], port: int, *, log: Path, **environment: str) -> Iterator[int]:
    """Run a server pinned to the server core until it accepts connections; yields its pid."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        until = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Connection(asyncio.Protocol):
    """Sends one ready-made request after another and counts 2xx answers with content-length."""

    def __init__(self, request: bytes, tally: "_Tally") -> None:
        self._request = request
        self._tally = tally
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = data
            return
        head = data[:end].lower()
        at = head.find(b"content-length:")
        if at < 0:
            # Chunked answers (Node's) end with an empty chunk.
            if not data.endswith(b"0\r\n\r\n"):
                self._buffer = data
                return
        else:
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(data) < end + 4 + length:
                self._buffer = data
                return
        self._buffer = b""
        self._tally.count(head[9:10] == b"2", data)
        if self._tally.running and self._transport is not None:
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.lost()


class _Tally:
    def __init__(self) -> None:
        self.answers = 0
        self.failures = 0
        self.running = True
        self.first_failure = b""

    def count(self, good: bool, data: bytes) -> None:
        self.answers += 1
        if not good:
            self.failures += 1
            self.first_failure = self.first_failure or data[:600]

    def lost(self) -> None:
        if self.running:
            self.failures += 1


async def _burst(
    port: int, request: bytes, pid: int, connections: int, warm: float, seconds: float
) -> Load:
    loop = asyncio.get_running_loop()
    tally = _Tally()
    transports = [
        (await loop.create_connection(lambda: _Connection(request, tally), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    await asyncio.sleep(warm)
    began, answers, cpu = time.perf_counter(), tally.answers, cpu_seconds(pid)
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    answers, cpu = tally.answers - answers, cpu_seconds(pid) - cpu
    tally.running = False
    for transport in transports:
        transport.close()
    await asyncio.sleep(0.05)
    if tally.failures:
        raise RuntimeError(f"{tally.failures} failures, first: {tally.first_failure!r}")
    return Load(rate=answers / took, cpu_us=cpu / max(answers, 1) * 1e6, failures=tally.failures)


def burst(
    port: int,
    request: bytes,
    pid: int,
    *,
    connections: int = 32,
    warm: float = 1.0,
    seconds: float = 3.0,
) -> Load:
    """Load a server with one request, kept alive; raises RuntimeError if any answer is not 2xx."""
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as running:
            return running.run(_burst(port, request, pid, connections, warm, seconds))
    finally:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def middle(loads: Sequence[Load]) -> Load:
    """The median of several bursts, figure by figure."""
    return Load(
        rate=median(load.rate for load in loads),
        cpu_us=median(load.cpu_us for load in loads),
        failures=sum(load.failures for load in loads),
    )


def form_post(path: str, body: str, **headers: str) -> bytes:
    """A ready-made HTTP/1.1 POST of a form."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
