"""Parts of a blueprint that pages show are good, put into the one that `tokenry init` writes."""

import re

import pytest

from documentation.pages import blocks_of
from tokenry.blueprint.parse import parse_blueprint
from tokenry.blueprint.template import StartingPoint, starting_blueprint

PAGES = ["how-to/run-behind-a-proxy.md", "how-to/when-news-is-late.md"]
PARTS = [(page, block) for page in PAGES for block in blocks_of(page) if block.test == "blueprint"]
_TABLE = re.compile(r"^(?=\[)", re.MULTILINE)


def heading_of(table: str) -> str:
    return table.partition("\n")[0]


def with_part(part: str) -> str:
    """Return the starting blueprint with its tables replaced by those of the part."""
    start = StartingPoint(
        operator_token_sha256="0" * 64,
        resource_server_secret_sha256="1" * 64,
        client_secret_sha256="2" * 64,
    )
    tables = {heading_of(table): table for table in _TABLE.split(starting_blueprint(start))}
    replacing = {heading_of(table): table for table in _TABLE.split(part) if table}
    assert replacing
    return "".join((tables | replacing).values())


@pytest.mark.parametrize(("page", "block"), PARTS, ids=lambda part: getattr(part, "line", part))
def test_a_part_of_a_blueprint_is_good(page, block):
    parse_blueprint(with_part(block.text).encode())
