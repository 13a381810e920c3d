"""Let background tasks of the test's own event loop get on, without letting time pass."""

import asyncio
from collections.abc import Callable

import pytest


async def a_while() -> None:
    """Give every task the chance to go as far as it can by itself."""
    for _ in range(60):
        await asyncio.sleep(0)


async def soon(condition: Callable[[], object]) -> None:
    """Return when something holds; fail the test if the loop comes to rest without it."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it did not come about")
