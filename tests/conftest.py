"""What every test shares: the one backend, patience on slow machines, the rule about skips."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.skips import Skip, parse_allowed_skips, skips_not_allowed

ALLOWED_SKIPS = Path(__file__).parent / "allowed-skips.txt"
IN_CI = os.environ.get("CI") == "true"

# Nothing here is timed: a busy machine is no reason to fail. In CI the examples are the same in
# every run, so that a failure there is one of the change and not of the day.
settings.register_profile(
    "tokenry",
    settings.get_profile("ci" if IN_CI else "default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tokenry")

unexcused_skips = pytest.StashKey[list[Skip]]()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def skips_are_failures() -> bool:
    """Say whether this run expects every test to run: in CI, or when asked for."""
    return IN_CI or os.environ.get("TOKENRY_STRICT_SKIPS") == "1"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[unexcused_skips] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for a skip that is not listed. Under xdist only the controller reports."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(session.config, "workerinput") or reporter is None or not skips_are_failures():
        return
    skips = [
        Skip(report.nodeid, report.longrepr[2] if report.longrepr else "")
        for report in reporter.stats.get("skipped", [])
    ]
    allowed = parse_allowed_skips(ALLOWED_SKIPS.read_text(encoding="utf-8"))
    session.config.stash[unexcused_skips] = skips_not_allowed(skips, allowed)
    if session.config.stash[unexcused_skips] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    unexcused = config.stash[unexcused_skips]
    if not unexcused:
        return
    terminalreporter.section("skipped, and not listed in tests/allowed-skips.txt", red=True)
    for skip in unexcused:
        terminalreporter.line(f"{skip.test} -- {skip.reason}")
