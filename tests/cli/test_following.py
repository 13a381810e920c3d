"""Those who follow get what is new, and are answered when the authority stops."""

import http.client
import json
import os
import subprocess
import sys

import pytest

from support.live import write_live
from support.requirement import requirement
from tokenry.cli.failures import ExitStatus


@pytest.fixture
def own(tmp_path):
    authority = write_live(tmp_path)
    with authority.processes:
        authority.start()
        yield authority


@requirement("G-8")
def test_who_waits_for_news_is_answered_when_the_authority_stops(own):
    last = own.audit()[-1]["id"]
    waiting = http.client.HTTPConnection("127.0.0.1", own.admin_port, timeout=60)
    bearer = {"Authorization": f"Bearer {own.secrets['operator']}"}
    waiting.request("GET", f"/admin/v1/audit?after={last}&wait=30", headers=bearer)
    # Answered after the request above has been taken up.
    own.admin("GET", "/admin/v1/issuer")
    assert own.stop() == 0
    answer = waiting.getresponse()
    assert answer.status == 200
    assert json.loads(answer.read()) == {"entries": [], "next": last}
    waiting.close()


@requirement("R-60")
def test_follow_prints_what_happens_until_the_authority_is_gone(own):
    own.revoke(kind="jti", id="before")
    with subprocess.Popen(
        [sys.executable, "-m", "tokenry", "audit", "tail", "--after", "0", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "TOKENRY_ADMIN_URL": f"http://127.0.0.1:{own.admin_port}",
            "TOKENRY_OPERATOR_TOKEN": own.secrets["operator"],
        },
    ) as follower:
        seen = []
        for line in follower.stdout:
            seen.append(line)
            if "id=before" in line:
                own.revoke(kind="jti", id="after")
            if "id=after" in line:
                break
        assert "blueprint.applied" in seen[0]
        own.stop()
        assert follower.wait(60) == ExitStatus.UNREACHABLE
        assert "cannot reach" in follower.stderr.read()
