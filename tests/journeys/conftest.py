"""Journeys run against one live authority each module, started as anyone would start it."""

from collections.abc import Iterator

import pytest

from support.live import LiveAuthority, write_live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAuthority]:
    """An authority that is up; whatever a test revokes, others must not rely on."""
    authority = write_live(tmp_path_factory.mktemp("live"))
    with authority.processes:
        authority.start()
        yield authority
