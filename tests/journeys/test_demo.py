"""The demo is a promise too: every step goes as told, and what was started is stopped."""

import json
import subprocess
import sys

from support.requirement import requirement
from tokenry.demo.measuring import Refusal
from tokenry.demo.stage import SERVICES
from tokenry.demo.story import Step
from tokenry.demo.telling import worst_per_service


def demo(*more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tokenry", "demo", *more],
        capture_output=True,
        text=True,
        timeout=100,
        stdin=subprocess.DEVNULL,
    )


@requirement("R-02", "R-11", "R-31", "R-41")
def test_every_step_goes_as_told_and_one_document_says_so():
    ran = demo("--once", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert set(told) == {"refused_after_ms", "steps"}
    assert set(told["refused_after_ms"]) == set(SERVICES)
    assert all(step["as_told"] for step in told["steps"])
    measured = [each for step in told["steps"] for each in step["measured"]]
    for service in SERVICES:
        times = [each["refused_after_ms"] for each in measured if each["service"] == service]
        assert len(times) == 3, "a client, a subject and one token"
        assert told["refused_after_ms"][service] == max(times)
    assert all(each["accepted_before"] for each in measured)


def test_it_is_told_in_words_without_a_terminal():
    ran = demo("--once")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "NOT as told" not in ran.stdout
    assert "Revoked tokens stopped working at orders" in " ".join(ran.stdout.split())


def test_a_service_that_never_refused_has_no_worst_time_instead_of_a_good_one():
    refused = Refusal("orders", True, 3.5, 2, 1.0, "Bearer")
    never = Refusal("orders", True, None, 900, 1.0, "")
    step = Step("revoked", "refused", "…", False, (refused, never))
    assert worst_per_service([step]) == {"orders": None, "payments": None}
