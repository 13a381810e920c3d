"""A wheel of Tokenry, installed with nothing but its two dependencies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.uv import find_uv

ROOT = Path(__file__).parents[2]


class BareInstall:
    """An environment that holds the base install and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, far from the checkout and its variables."""
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=self.folder,
            env={"PATH": os.defpath, "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
        )

    def python(self, source: str) -> str:
        """Run Python source there and return what it prints. Raises AssertionError if it fails."""
        done = self.run("python", "-I", "-c", source)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def bare_install(tmp_path_factory: pytest.TempPathFactory) -> BareInstall:
    """Build the wheel, and install it beside what the lock holds for the base install.

    All of that is in uv's cache once the project's own environment is there, so that no network is
    needed; `pip check` then holds what the wheel says it needs against what is installed.
    """
    uv = find_uv()
    folder = tmp_path_factory.mktemp("bare")
    environment = folder / "environment"
    variables = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)}
    python = ("--python", sys.executable)

    def run(*arguments: str | Path) -> None:
        command = [uv, "--quiet", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"

    run("build", "--wheel", "--out-dir", folder, "--no-build-isolation", *python)
    run("sync", "--frozen", "--no-default-groups", "--no-install-project", *python)
    (wheel,) = folder.glob("tokenry-*.whl")
    run("pip", "install", "--no-deps", "--python", environment, wheel)
    run("pip", "check", "--python", environment)
    return BareInstall(environment)
