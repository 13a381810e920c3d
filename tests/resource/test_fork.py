"""After a fork the child follows for itself, and leaves its parent's connections alone (R-44)."""

import subprocess
import sys

import pytest

from support.requirement import requirement

# In a process of its own: a test runner has threads, and must not be forked.
ASYNC = """
import asyncio, os
from tokenry.resource import TokenRefused
from tokenry.resource.testing import TestingIssuer

AUDIENCE = "https://orders.test"
issuer = TestingIssuer()
verifier = issuer.verifier(AUDIENCE)
token = issuer.mint(audience=AUDIENCE, subject="alice")
request = issuer.request(token)
asyncio.run(verifier.verify(request))          # the parent has seen the token, and its news

def in_child():
    issuer.revoke("subject", "alice")          # news that only the child can get
    assert verifier.head is None, "the child began with its parent's view"
    try:
        asyncio.run(verifier.verify(request))
    except TokenRefused as refused:
        assert refused.reason == "revoked", refused
        return 0
    return 1

child = os.fork()
if child == 0:
    os._exit(in_child())
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
asyncio.run(verifier.verify(request))
print("well")
"""

SYNC = """
import os
from tokenry.resource import TokenRefused
from tokenry.resource.testing import TestingIssuer

AUDIENCE = "https://orders.test"
issuer = TestingIssuer()
verifier = issuer.sync_verifier(AUDIENCE)
request = issuer.request(issuer.mint(audience=AUDIENCE, subject="alice"))
verifier.verify(request)

child = os.fork()                              # while the parent's background thread runs
if child == 0:
    issuer.revoke("subject", "alice")
    try:
        verifier.verify(request)
        os._exit(1)
    except TokenRefused as refused:
        os._exit(0 if refused.reason == "revoked" else 2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
verifier.verify(request)
verifier.close()
print("well")
"""


@requirement("R-44", "R-32")
@pytest.mark.parametrize("script", [ASYNC, SYNC], ids=["async", "sync"])
def test_a_forked_child_begins_anew_and_the_parent_goes_on(script):
    ran = subprocess.run(
        # Python 3.12 warns of any fork beside threads; that it works here is what is tested.
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "well\n", "")
