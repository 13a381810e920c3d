"""Other people's servers and verifiers, fetched on the fly into a git-ignored folder."""

from pathlib import Path

from scripts.node_packages import NODE, install

__all__ = ["NODE", "prepare", "script"]

_HERE = Path(__file__).parent
_FOLDER = _HERE.parent / ".peers"


def prepare() -> None:
    """Install the npm peers unless they are there; needs the npm registry the first time."""
    install(_HERE, _FOLDER)


def script(name: str) -> str:
    """The path of one of the peers' scripts, beside its node_modules."""
    return str(_FOLDER / name)
