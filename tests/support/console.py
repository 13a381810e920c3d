"""Run a `console` block of a page as a reader would type it, and compare what it prints.

A line that begins with "$ " is a command for sh, continued while it ends in a backslash; the lines
below it are its output, where "..." stands for anything: alone on a line for any lines, within a
line for any text. A command with nothing below it may print what it likes. A command that ends in
" &" goes on in the background: the next one starts once the output below it has appeared.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """A command line and the output that the page shows for it."""

    line: str
    output: str
    background: bool


def commands(block: str) -> Iterator[Command]:
    """Split a block into its commands. Raises ValueError when it does not begin with one."""
    if not block.startswith("$ "):
        raise ValueError(f"a console block begins with '$ ', this one with {block[:20]!r}")
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = re.sub(r"\\\n\s*", "", part).partition("\n")
        yield Command(line.removesuffix(" &"), output.strip("\n"), line.endswith(" &"))


def matches(expected: str, printed: str) -> bool:
    """Say whether output is as the page shows it; trailing spaces do not count."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(text) for text in line.rstrip().split("...")) + "[ ]*\n"
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None


def run_console(block: str, *, folder: Path, variables: Mapping[str, str]) -> None:
    """Run every command in `folder`, its own Python first on PATH, with `variables` added.

    Raises AssertionError for a command that fails or prints something else. What runs in the
    background gets SIGTERM at the end.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    with contextlib.ExitStack() as background:
        for command in commands(block):
            process = subprocess.Popen(
                ["sh", "-c", command.line],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            if command.background:
                background.callback(_end, process)
                printed = _read_until(command.output, process)
            else:
                printed, _ = process.communicate()
                assert process.returncode == 0, f"$ {command.line}\n{printed}"
            if command.output:
                shown = f"$ {command.line}\n{printed}\ninstead of\n{command.output}"
                assert matches(command.output, printed), shown


def _read_until(expected: str, process: "subprocess.Popen[str]") -> str:
    """Return what a process has printed once it is what was expected, or all of it at its end."""
    printed = ""
    if expected and process.stdout:
        for line in process.stdout:
            printed += line
            if matches(expected, printed):
                break
    return printed


def _end(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.communicate()
