"""Assertions of the shared suite explain themselves like any other; a clock that is set by hand."""

import pytest

for part in (
    "changing",
    "contract",
    "feeding",
    "issuing",
    "lateness",
    "plans",
    "purging",
    "racing",
    "revoking",
):
    pytest.register_assert_rewrite(f"contracts.store_{part}")

from support.manual_clock import ManualClock  # noqa: E402 -- not before the above


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
