"""P-8: how long a service waits for `import tokenry.resource`, and a caller for `tokenry serve`."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.authority import authority
from benchmarks.measuring import SERVER_CORE, Measurement

IMPORTS = 21
STARTS = 5

ALREADY_THERE = """
import asyncio, ssl, msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
"""
"""What nearly every service has loaded, whether it verifies tokens or not."""
TIMED = """
import time
began = time.perf_counter()
from tokenry.resource import PresentedRequest, TokenRefused, Verifier
from tokenry.resource.adapters.asgi import TokenryMiddleware
print((time.perf_counter() - began) * 1000)
"""
"""The package imports its parts when they are asked for, so what a service asks for is timed."""


def measure() -> Iterator[Measurement]:
    """Fresh interpreters each time, with files compiled before, as an installation has them."""
    with tempfile.TemporaryDirectory() as folder, _compiled_files_in(folder):
        _import_ms()
        importing = median(_import_ms() for _ in range(IMPORTS))
        yield Measurement(
            id="P-8",
            what="import tokenry.resource and its ASGI adapter, above what is there anyway",
            unit="ms",
            ours=round(importing, 1),
            budget="≤ 60",
            within=importing <= 60,
        )
        _ready_ms()
        serving = median(_ready_ms() for _ in range(STARTS))
        yield Measurement(
            id="P-8",
            what="tokenry serve, from nothing to ready",
            unit="ms",
            ours=round(serving),
            budget="≤ 1000",
            within=serving <= 1000,
        )


@contextlib.contextmanager
def _compiled_files_in(folder: str) -> Iterator[None]:
    """Also where this environment forbids to keep them."""
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _import_ms() -> float:
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-c", ALREADY_THERE + TIMED]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _ready_ms() -> float:
    """From the start of the process, on an empty directory, to the first good /readyz."""
    began = time.perf_counter()
    with authority():
        return (time.perf_counter() - began) * 1000
