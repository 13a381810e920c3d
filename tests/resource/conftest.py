"""An issuer in memory, and a verifier of it that is synchronized."""

import asyncio

import pytest

from support.background import a_while
from tokenry.resource.testing import TestingIssuer

AUDIENCE = "https://orders.test"


@pytest.fixture
def issuer():
    return TestingIssuer()


@pytest.fixture
def events():
    return []


@pytest.fixture
async def verifier(issuer, events):
    async with issuer.verifier(AUDIENCE, on_event=events.append) as verifier:
        yield verifier
    await nothing_left()


async def nothing_left() -> None:
    """Assert that no task of the verifier has survived its close."""
    await a_while()
    # The test and its runner wait; everything else would be ours.
    left = [task for task in asyncio.all_tasks() if "tokenry" in repr(task.get_coro())]
    assert left == []
