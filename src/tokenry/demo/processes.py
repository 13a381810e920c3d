"""Child processes with their logs: started, waited for, stopped in order."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0
_TAIL_CHARACTERS: Final = 3000


class ProcessFailed(Exception):
    """A process did not come up or went away; carries the end of what it printed."""


class Processes:
    """Python processes by name, their output in `NAME.log` below `directory`.

    A context manager: leaving it stops all, the last started first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        """Return self; nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.close()

    def start(
        self,
        name: str,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> int:
        """Start `python -m module arguments` and return its process id."""
        with (self._directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 # our own interpreter and modules
                [*prefix, sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                # Ctrl+C in the terminal reaches the parent alone, which stops these in order.
                start_new_session=True,
            )
        self._running[name] = process
        return process.pid

    def wait_ready(self, name: str, port: int, path: str) -> None:
        """Wait until `path` answers 200 on loopback. Raises ProcessFailed."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            self.check_alive()
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                try:
                    connection.request("GET", path)
                    if connection.getresponse().status == http.client.OK:
                        return
                finally:
                    connection.close()
            time.sleep(0.01)
        raise ProcessFailed(f"{name} was not ready in {_START_SECONDS} s:\n{self.log_tail(name)}")

    def check_alive(self) -> None:
        """Raise ProcessFailed if any process has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ProcessFailed(
                    f"{name} ended with {process.returncode}:\n{self.log_tail(name)}"
                )

    def log_tail(self, name: str) -> str:
        """Return the end of what a process printed."""
        text = (self._directory / f"{name}.log").read_text(errors="replace")
        return text[-_TAIL_CHARACTERS:]

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process; one that has ended is left alone."""
        with contextlib.suppress(ProcessLookupError):
            self._running[name].send_signal(number)

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop one process, by force if it does not end in time; returns its exit status."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def close(self) -> None:
        """Stop all, the last started first. Safe to call twice."""
        for name in reversed(tuple(self._running)):
            self.stop(name)


def free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now, all different."""
    # All are held open until all are known, so that no two are the same.
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        return [bound.getsockname()[1] for bound in sockets]
