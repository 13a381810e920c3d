"""What holds for every page: each block says how it is tested, and what is named exists."""

import re

import pytest

from documentation.pages import DOCS, blocks_of, text_of
from tokenry.protocol.metadata import authorization_server_metadata
from tokenry.telemetry.metrics import COUNTS, DURATIONS, LEVELS
from tokenry.vocabulary.identifiers import IssuerUrl

PAGES = sorted(
    str(page.relative_to(DOCS))
    for kind in ("tutorial", "how-to")
    for page in (DOCS / kind).iterdir()
)
KNOWN = {"none", "console", "file", "blueprint", "starlette", "wsgi", "mounted", "events"} | {
    "private-ca",
    "ready",
}


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_how_it_is_tested(page):
    for block in blocks_of(page):
        kind = block.test.partition(" ")[0].rstrip(",")
        assert kind in KNOWN, f"{page} line {block.line}: {block.test!r}"
        assert kind != "none" or block.why_not_run, f"{page} line {block.line}: no reason"


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_that_a_page_names_exists(page):
    metrics = {f"tokenry_{name}" for names in (COUNTS, LEVELS, DURATIONS) for name in names}
    metadata = set(authorization_server_metadata(IssuerUrl("https://auth.example")))
    assert set(re.findall(r"`(tokenry_[a-z_]+)`", text_of(page))) <= metrics | metadata
