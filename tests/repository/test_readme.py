"""The README's first screen holds what a newcomer needs, and its code blocks work as shown."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
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


def it_refuses_a_request_without_a_token(block: CodeBlock) -> None:
    """Run the block around an application that lets everyone in."""

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"let in"})

    names = {"app": application, "secret": "a secret of the orders service"}
    exec(compile(block.text, "README.md", "exec"), names)
    answer = anyio.run(answer_of, names["app"], names["verifier"])
    assert answer["status"] == 401
    assert dict(answer["headers"])[b"www-authenticate"].startswith(b"Bearer ")


async def answer_of(app: Any, verifier: Any) -> dict[str, Any]:
    """Return the start of the answer to a GET that carries nothing."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/orders", "raw_path": b"/orders"}
    scope |= {"scheme": "https", "query_string": b"", "headers": [(b"host", b"orders.example")]}
    scope |= {"server": ("orders.example", 443), "client": ("192.0.2.1", 50000), "root_path": ""}
    try:
        await app(scope, receive, send)
    finally:
        await verifier.close()
    return sent[0]


TESTS: dict[str, Callable[[CodeBlock], None]] = {
    "make-targets": each_line_is_a_make_target,
    "protect-an-endpoint": it_refuses_a_request_without_a_token,
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
