"""Pages run as a reader would: files written, commands typed, on ports that are free."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from documentation.pages import blocks_of
from support.console import run_console
from tokenry.demo.processes import free_ports

_PORTS = re.compile(r"\b(8400|8401|8500)\b")

PageRunner = Callable[..., None]


@pytest.fixture
def run_page(tmp_path: Path) -> PageRunner:
    """Run the `file NAME` and `console` blocks of a page in a new folder.

    Its consoles are one session: what one leaves running, the next finds. `first` comes before.
    """

    def run(page: str, *, first: str = "") -> None:
        ports = dict(zip(("8400", "8401", "8500"), map(str, free_ports(3)), strict=True))
        session = first
        for block in blocks_of(page):
            kind, _, name = block.test.partition(" ")
            if kind == "file":
                (tmp_path / name).write_text(_moved(block.text, ports), encoding="utf-8")
            elif kind == "console":
                session += block.text
        if "curl" in session and shutil.which("curl") is None:
            pytest.skip("this page uses curl: apt install curl")
        run_console(_moved(session, ports), folder=tmp_path, variables={"PYTHONUNBUFFERED": "1"})

    return run


def _moved(text: str, ports: dict[str, str]) -> str:
    return _PORTS.sub(lambda found: ports[found[0]], text)
