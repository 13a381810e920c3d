"""The pages below docs/, and their blocks by what the comment before each names."""

from pathlib import Path

from support.code_blocks import CodeBlock, code_blocks

DOCS = Path(__file__).parents[2] / "docs"


def text_of(page: str) -> str:
    """Return the text of a page below docs/."""
    return (DOCS / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[CodeBlock]:
    """Return the fenced blocks of a page, in order."""
    return code_blocks(text_of(page))


def block_of(page: str, test: str) -> str:
    """Return the text of the one block that names a test."""
    (block,) = (block for block in blocks_of(page) if block.test == test)
    return block.text
