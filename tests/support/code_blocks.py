"""Read the code blocks of a Markdown page, with what a test is to do with each.

An HTML comment, which no viewer shows, stands directly before a block and names its test:

    <!-- test: protect-an-endpoint -->
    <!-- test: none, needs a certificate that only you have -->
"""

import re
from typing import NamedTuple

_BLOCK = re.compile(
    r"(?:^<!-- test: (?P<test>[^\n]*?) -->\n\n?)?"
    r"^(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_NO_TEST = re.compile(r"none, (?P<reason>.+)")


class CodeBlock(NamedTuple):
    """A fenced block. `test` is empty when nothing says what becomes of it."""

    line: int
    language: str
    text: str
    test: str

    @property
    def why_not_run(self) -> str:
        """The reason of a block that no test runs, else empty."""
        excused = _NO_TEST.fullmatch(self.test)
        return excused["reason"] if excused else ""


def code_blocks(markdown: str) -> list[CodeBlock]:
    """Return the fenced blocks of a page, in order."""
    return [
        CodeBlock(
            line=markdown.count("\n", 0, found.start("fence")) + 1,
            language=found["language"].strip(),
            text=found["text"],
            test=found["test"] or "",
        )
        for found in _BLOCK.finditer(markdown)
    ]
