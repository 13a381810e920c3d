"""The one message of each thing that a newcomer's machine can lack."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.prepare_environment import package_with_ensurepip, uv_version

ROOT = Path(__file__).parents[2]

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
MINT = 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n'
FEDORA = 'NAME="Fedora Linux"\nID=fedora\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Enough of a checkout to prepare, and an empty folder to be the whole PATH."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, folder)
    path = tmp_path / "path"
    path.mkdir()
    dirname = shutil.which("dirname")
    assert dirname
    (path / "dirname").symlink_to(dirname)
    return folder


def program(checkout: Path, name: str, *lines: str) -> Path:
    """Put a shell script on the PATH that `prepare` sees."""
    script = checkout.parent / "path" / name
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)
    return script


def prepare(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", checkout / "scripts" / "prepare.sh"],
        env={"PATH": str(checkout.parent / "path"), **variables},
        capture_output=True,
        text=True,
    )


def test_without_a_python_it_says_which_one_is_needed(checkout):
    program(checkout, "python3", "exit 1  # an old one, or a version manager without a version")
    run = prepare(checkout)
    assert run.returncode == 1
    assert "needs Python 3.11 or later" in run.stderr
    assert len(run.stderr.splitlines()) == 3


def test_a_python_that_was_asked_for_is_not_silently_replaced(checkout):
    program(checkout, "python3", f'exec {sys.executable} "$@"')
    program(checkout, "python3.10", "exit 1")
    run = prepare(checkout, PYTHON="python3.10")
    assert run.returncode == 1
    assert "PYTHON=python3.10 is not a Python 3.11 or later" in run.stderr


def test_without_ensurepip_it_names_the_package_to_add(checkout, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    program(checkout, "python3", f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"')
    run = prepare(checkout)
    assert run.returncode == 1
    assert "ensurepip is missing" in run.stderr
    assert f"python{sys.version_info[0]}.{sys.version_info[1]}" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (checkout / ".cache").exists()


@pytest.mark.parametrize(
    ("system", "remedy"),
    [
        (DEBIAN, "apt install python3.11-venv"),
        (MINT, "apt install python3.11-venv"),
        (FEDORA, "install the package of your system that brings ensurepip to python3.11"),
        ("", "install the package of your system that brings ensurepip to python3.11"),
    ],
)
def test_the_package_follows_from_system_and_version(system, remedy):
    assert package_with_ensurepip((3, 11), system) == remedy


@pytest.mark.parametrize(
    ("version", "sync_happens"), [("0.9.30", False), ("0.13.9", True), ("10.0.0", True)]
)
def test_a_uv_on_path_is_used_if_it_is_new_enough(checkout, tmp_path, version, sync_happens):
    """The uv here writes down what it is asked; ensurepip is missing, so no other comes in."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    program(checkout, "python3", f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"')
    asked = tmp_path / "asked"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    program(
        checkout,
        "uv",
        f'if [ "$1" = --version ]; then echo "uv {version} (somewhere)"; exit; fi',
        f'echo "$*" > {asked}',
    )
    run = prepare(checkout)
    assert asked.exists() is sync_happens, run.stderr
    assert (run.returncode == 0) is sync_happens
    if sync_happens:
        assert asked.read_text().startswith("sync --frozen --all-extras --all-groups")


@pytest.fixture
def syncs(checkout: Path, tmp_path: Path) -> Path:
    """A file with a line for each time that .venv was made or changed."""
    program(checkout, "python3", f'exec {sys.executable} "$@"')
    calls = tmp_path / "syncs"
    touch, mkdir, ln = (shutil.which(name) for name in ("touch", "mkdir", "ln"))
    program(
        checkout,
        "uv",
        'if [ "$1" = --version ]; then echo "uv 99.0.0"; exit; fi',
        f"echo sync >> {calls}",
        f"{mkdir} -p .venv/bin && {touch} .venv/bin/tokenry",
        f"{ln} -sf {sys.executable} .venv/bin/python",
    )
    return calls


@pytest.mark.parametrize(
    ("change", "syncs_again"),
    [
        (lambda checkout: None, False),
        (lambda checkout: (checkout / "uv.lock").write_text("version = 2\n"), True),
        (lambda checkout: (checkout / "pyproject.toml").write_text("[project]\n"), True),
        (lambda checkout: (checkout / ".venv" / "bin" / "tokenry").unlink(), True),
        (lambda checkout: shutil.rmtree(checkout / ".venv"), True),
    ],
    ids=["nothing", "lock", "project", "script", "environment"],
)
def test_an_environment_is_made_again_only_for_a_reason(checkout, syncs, change, syncs_again):
    assert prepare(checkout).returncode == 0
    change(checkout)
    assert prepare(checkout).returncode == 0
    assert len(syncs.read_text().splitlines()) == (2 if syncs_again else 1)


def test_another_python_is_used_when_asked_for_and_kept(checkout, syncs):
    assert prepare(checkout).returncode == 0
    other = program(checkout, "python3.99", f'exec {sys.executable} "$@"')
    stamp = checkout / ".venv" / ".prepared"
    stamp.write_text(stamp.read_text().replace(sys.executable, "/usr/bin/python3.0"))
    for _ in range(2):
        assert prepare(checkout, PYTHON=str(other)).returncode == 0
    assert prepare(checkout).returncode == 0
    assert len(syncs.read_text().splitlines()) == 2


def test_a_checkout_that_moved_gets_a_new_environment(checkout, syncs):
    assert prepare(checkout).returncode == 0
    (checkout / ".venv" / "left-over").touch()
    moved = checkout.rename(checkout.with_name("moved"))
    assert prepare(moved).returncode == 0
    assert not (moved / ".venv" / "left-over").exists()
    assert len(syncs.read_text().splitlines()) == 2


@pytest.mark.parametrize("answer", ["", "uv", "uv x.y.z", "pip 23.0.1"])
def test_what_is_no_version_of_uv_is_not_taken_for_one(answer):
    assert uv_version(answer) == ()
