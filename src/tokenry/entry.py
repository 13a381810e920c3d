"""The `tokenry` command, before it is known whether the authority is installed.

The base install is the SDK alone, and its console script still exists: it then says what to
install. Imports nothing but the standard library until it is called.
"""

import sys
from typing import Final

MISSING_EXTRA: Final = 2
"""Exit status when the `server` extra is not installed."""


def main() -> int:
    """Run the command line, or name the extra to install. Returns the exit status."""
    try:
        from tokenry.cli import main as run
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in {"", "tokenry"}:
            raise  # a fault of ours, which no installation of extras would mend
        sys.stderr.write(
            f"The tokenry command needs the authority, and {package} is not installed.\n"
            'Install it with: pip install "tokenry[server]"\n'
        )
        return MISSING_EXTRA
    return run() or 0
