"""A skipped test fails a CI run unless it is listed with its reason."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.skips import AllowedSkip, Skip, parse_allowed_skips, skips_not_allowed

TESTS = Path(__file__).parents[1]
SKIPPED = Skip("tests/interop/test_browser.py::test_cors", "Skipped: no chromium here")

SUITE = """
import pytest

def test_runs():
    assert True

@pytest.mark.skip(reason="no hardware key here")
def test_hardware_key(): ...
"""


@pytest.mark.parametrize(
    ("entry", "excused"),
    [
        ("tests/interop/test_browser.py::test_cors -- no chromium", True),
        ("tests/interop/test_browser.py::* -- no chromium here", True),
        ("tests/interop/test_browser.py::test_cors -- no network", False),
        ("tests/interop/test_browser.py -- no chromium", False),
        ("# tests/interop/test_browser.py::test_cors -- no chromium", False),
    ],
)
def test_an_entry_excuses_only_its_tests_and_only_for_its_reason(entry, excused):
    left = skips_not_allowed([SKIPPED], parse_allowed_skips(entry))
    assert left == ([] if excused else [SKIPPED])


@pytest.mark.parametrize("entry", ["tests/a.py::test_b", "tests/a.py::test_b --", "-- no reason"])
def test_an_entry_without_a_reason_is_refused_by_line(entry):
    with pytest.raises(ValueError, match="line 2"):
        parse_allowed_skips(f"# comment\n{entry}")


def test_entries_keep_their_order():
    text = "a::b -- one\n\nc::d -- two\n"
    assert parse_allowed_skips(text) == [AllowedSkip("a::b", "one"), AllowedSkip("c::d", "two")]


@pytest.mark.parametrize(
    ("strict", "workers", "listed", "passes"),
    [
        ({"CI": "true"}, "1", "", False),
        ({"TOKENRY_STRICT_SKIPS": "1"}, "0", "", False),
        ({"CI": "true"}, "1", "tests/test_suite.py::test_hardware_key -- no hardware key", True),
        ({}, "0", "", True),
    ],
)
def test_a_run_fails_for_a_skip_that_is_not_listed(tmp_path, strict, workers, listed, passes):
    suite = tmp_path / "tests"
    suite.mkdir()
    shutil.copy(TESTS / "conftest.py", suite)
    (suite / "test_suite.py").write_text(SUITE)
    (suite / "allowed-skips.txt").write_text(listed)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    inherited = {k: v for k, v in os.environ.items() if k not in {"CI", "TOKENRY_STRICT_SKIPS"}}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist", "-n", workers, "tests"],
        cwd=tmp_path,
        env={
            **inherited,
            **strict,
            "PYTHONPATH": str(TESTS),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
    )
    assert (run.returncode == 0) is passes, run.stdout
    assert ("tests/test_suite.py::test_hardware_key -- Skipped: no hardware" in run.stdout) is (
        not passes
    )
