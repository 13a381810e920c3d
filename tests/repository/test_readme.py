"""The README's first screen holds what a newcomer needs, and its code blocks work as shown."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.code_blocks import CodeBlock, code_blocks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = code_blocks(README)
FIRST_SCREEN = 40
"""Lines that a reader sees without scrolling."""


def each_line_is_a_make_target(block: CodeBlock) -> None:
    """Have make say what it would do. Nothing runs: these commands run this test."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    for line in block.text.splitlines():
        command = line.partition("#")[0].split()
        assert command[0] == "make", line
        subprocess.run(
            ["make", "--dry-run", *command[1:]],
            cwd=ROOT,
            env=quiet,
            check=True,
            capture_output=True,
        )


TESTS: dict[str, Callable[[CodeBlock], None]] = {
    "make-targets": each_line_is_a_make_target,
}
"""What is done with a block, by the name in the comment before it."""


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line-{block.line}")
def test_a_code_block_works_as_shown(block):
    assert block.test, f"README.md line {block.line}: no comment says how this block is tested"
    if not block.why_not_run:
        TESTS[block.test](block)


def test_every_block_that_is_tested_is_still_there():
    assert {block.test for block in BLOCKS if not block.why_not_run} == set(TESTS)


def test_the_first_screen_shows_the_two_commands_and_how_to_protect_an_endpoint():
    first_screen = "\n".join(README.splitlines()[:FIRST_SCREEN])
    shown = [block.test for block in code_blocks(first_screen)]
    assert shown == ["make-targets", "protect-an-endpoint"]
    assert re.search(r"^make demo\b.*\n^make test\b", first_screen, re.MULTILINE)
