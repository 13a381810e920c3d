"""Find the uv that prepared the environment; `make` puts one in place where none is on PATH."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def find_uv() -> str:
    """Return the path of uv. Skips the test where only an environment made by hand is at hand."""
    own = ROOT / ".cache" / "uv" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is not on PATH, and `make venv` has not installed it into .cache/uv")
    return found
