"""The Node example, written from the reference page alone, answers the published session alike."""

import json
import subprocess
from pathlib import Path

from scripts.node_packages import NODE
from support.requirement import requirement

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "examples/node-verifier/verifier.mjs"
SESSION = ROOT / "tests/vectors/feed/session.json"


@requirement("G-1", "R-44")
def test_the_node_verifier_answers_a_session_as_published():
    script = Path(__file__).with_name("run_session.mjs")
    run = subprocess.run([NODE, script, VERIFIER, SESSION], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    steps = json.loads(SESSION.read_text("utf-8"))["steps"]
    answers = json.loads(run.stdout)
    wrong = [
        (step["say"], step["expect"], answer)
        for step, answer in zip(steps, answers, strict=True)
        if answer != step["expect"]
    ]
    assert wrong == []


def test_the_node_verifier_is_as_short_as_the_page_says():
    lines = VERIFIER.read_text("utf-8").splitlines()
    assert len(lines) <= 200
