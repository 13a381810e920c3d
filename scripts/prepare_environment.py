"""Make `.venv` exactly what `uv.lock` says, and do nothing when it already is.

Run by `prepare.sh` with a Python of at least 3.11 and nothing but its standard library. uv does
the work; where no recent uv is at hand, a pinned one goes into `.cache/uv`. Once `.venv` is up to
date no network is needed. Proxy and certificate settings of the environment reach pip and uv.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / ".prepared"
OWN_UV = ROOT / ".cache" / "uv"
UV_REQUIREMENT = ROOT / "scripts" / "uv-requirement.txt"
OLDEST_UV = (0, 10, 0)
"""The oldest uv that was seen to read `uv.lock`."""
SYNC = (
    *("sync", "--frozen", "--all-extras", "--all-groups", "--quiet"),
    # The build backend is in the lock: built with that one, nothing is resolved anew.
    *("--no-build-isolation-package", "tokenry"),
)


class CannotPrepare(Exception):
    """Something that only the reader of the message can change."""


def package_with_ensurepip(version: tuple[int, int], os_release: str) -> str:
    """Return the one thing to do for a Python that cannot make virtual environments.

    `os_release` is the content of /etc/os-release. Debian and what comes from it split ensurepip
    off into a package per Python version.
    """
    python = f"python{version[0]}.{version[1]}"
    like_debian = re.search(r"^ID(_LIKE)?=.*\b(debian|ubuntu)\b", os_release, re.MULTILINE)
    if like_debian:
        return f"apt install {python}-venv"
    return f"install the package of your system that brings ensurepip to {python}"


def uv_version(answer: str) -> tuple[int, ...]:
    """Parse what `uv --version` says; () when it is not a version."""
    found = re.match(r"uv (\d+)\.(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in found.groups()) if found else ()


def find_uv() -> Path | None:
    """Return a uv that is new enough: ours, or the one on PATH."""
    on_path = shutil.which("uv")
    for candidate in (OWN_UV / "bin" / "uv", Path(on_path) if on_path else None):
        if candidate is None or not candidate.exists():
            continue
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True)
        if answer.returncode == 0 and uv_version(answer.stdout) >= OLDEST_UV:
            return candidate
    return None


def install_uv() -> Path:
    """Install the pinned uv into a folder of its own. Raises CannotPrepare with what to do."""
    try:
        import ensurepip  # noqa: F401  (Debian's python3 comes without it)
    except ModuleNotFoundError:
        remedy = package_with_ensurepip(sys.version_info[:2], os_release())
        raise CannotPrepare(
            f"{sys.executable} cannot create virtual environments: its ensurepip is missing.\n"
            f"Add one package and run make again:\n\n    {remedy}\n"
        ) from None
    print(f"Installing uv into {OWN_UV.relative_to(ROOT)}", flush=True)
    shutil.rmtree(OWN_UV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", OWN_UV], check=True)
    pip = [str(OWN_UV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    exactly = ["--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(UV_REQUIREMENT)]
    subprocess.run([*pip, *exactly], check=True)
    return OWN_UV / "bin" / "uv"


def os_release() -> str:
    """Return the content of /etc/os-release, empty where there is none."""
    path = Path("/etc/os-release")
    return path.read_text(encoding="utf-8") if path.exists() else ""


class Stamp(NamedTuple):
    """What `.venv` was last made from: a digest, the interpreter, and the checkout's place."""

    state: str = ""
    interpreter: str = ""
    root: str = ""


def read_stamp() -> Stamp:
    """Return the stamp of `.venv`, an empty one if `.venv` was made by other means."""
    lines = STAMP.read_text(encoding="utf-8").splitlines() if STAMP.exists() else []
    return Stamp(*lines) if len(lines) == len(Stamp._fields) else Stamp()


def wanted_state() -> str:
    """Return a digest of all that decides what is in `.venv`."""
    digest = hashlib.sha256(repr(SYNC).encode())
    for part in (ROOT / "uv.lock", ROOT / "pyproject.toml"):
        digest.update(part.read_bytes())
    return digest.hexdigest()


def prepare(*, as_asked: bool) -> None:
    """Bring `.venv` up to date. `as_asked`: with this very Python, not with the one it has."""
    stamp = read_stamp()
    if stamp.root and stamp.root != str(ROOT):
        shutil.rmtree(ENVIRONMENT)  # the checkout was moved, and scripts in it name the old place
    working = (ENVIRONMENT / "bin" / "python").exists()  # False also for a dangling link
    right_python = working and (not as_asked or stamp.interpreter == sys.executable)
    complete = right_python and (ENVIRONMENT / "bin" / "tokenry").exists()
    if complete and stamp.state == wanted_state():
        return
    uv = find_uv() or install_uv()
    first = "" if working else ", fetching what is not in uv's cache (up to 100 MB)"
    print(f"Preparing .venv from uv.lock{first}", flush=True)
    variables = {
        **os.environ,
        "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    variables.pop("VIRTUAL_ENV", None)
    python = [] if right_python else ["--python", sys.executable]
    STAMP.unlink(missing_ok=True)
    subprocess.run([uv, *SYNC, *python], cwd=ROOT, env=variables, check=True)
    interpreter = stamp.interpreter if right_python else sys.executable
    made = Stamp(wanted_state(), interpreter, str(ROOT))
    STAMP.write_text("\n".join(made) + "\n", encoding="utf-8")


def main() -> int:
    """Prepare, or say in one message what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-asked", action="store_true", help="use this Python for .venv")
    try:
        prepare(as_asked=parser.parse_args().as_asked)
    except CannotPrepare as reason:
        print(reason, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failed:
        command = " ".join(str(part) for part in failed.cmd)
        print(f"This command failed, see above:\n\n    {command}\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
