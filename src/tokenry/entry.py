"""The `tokenry` command, before it is known whether the authority is installed.

The base install is the SDK alone, and its console script still exists: it then says what to
install. Imports nothing but the standard library until it is called.
"""

import re
import sys
from importlib.metadata import requires
from typing import Final

MISSING_EXTRA: Final = 2
"""Exit status when the `server` extra is not installed."""


def main() -> int:
    """Run the command line, or name the extra to install. Returns the exit status."""
    try:
        from tokenry.cli import main as run

        return run()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in _packages_of_extra("server"):
            raise  # a fault that no installation of extras would mend
        sys.stderr.write(
            f"The tokenry command needs the authority, and {package} is not installed.\n"
            'Install it with: pip install "tokenry[server]"\n'
        )
        return MISSING_EXTRA


def _packages_of_extra(extra: str) -> set[str]:
    """Return the names by which the packages of an extra are imported."""
    of_extra = re.compile(rf"""([\w.-]+).*;.*\bextra == ['"]{extra}['"]""")
    found = (of_extra.match(requirement) for requirement in requires("tokenry") or ())
    return {match[1].replace("-", "_") for match in found if match}
