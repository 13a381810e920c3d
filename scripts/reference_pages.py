"""Write the reference pages that are generated, or with `--check` say which are out of date.

    python -m scripts.reference_pages [--check]

To add a page: write a function without arguments that returns its text, and name it here.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

PAGES: Final[Mapping[str, str]] = {
    "docs/reference/blueprint.md": "tokenry.blueprint.reference:reference_page",
    "docs/reference/cli.md": "tokenry.cli.reference:reference_page",
    "docs/reference/requirements.md": "scripts.requirements_map:requirements_page",
}
"""Path of each generated page, and the `module:function` that returns its text."""


def text_of(generator: str) -> str:
    """Call the `module:function` of a page."""
    module, _, function = generator.partition(":")
    return str(getattr(importlib.import_module(module), function)())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check every page. Returns 1 if a check found one out of date."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on a change")
    check = parser.parse_args(arguments).check
    stale = False
    for path, generator in PAGES.items():
        page = ROOT / path
        text = text_of(generator)
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        stale = True
        if check:
            print(f"{path} is out of date: run `make docs` and commit it")
        else:
            page.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
