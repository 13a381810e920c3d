"""Three services side by side: the SDK, PyJWT with the JWKS alone, and the Node example.

All accept the same ordinary JWTs; the two that follow the feed refuse them once revoked.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.node_packages import NODE
from support.live import Answer, LiveAuthority, send
from support.requirement import requirement
from tokenry.demo.processes import free_ports

ROOT = Path(__file__).parents[2]
NODE_VERIFIER = ROOT / "examples/node-verifier/verifier.mjs"

Ask = Callable[[str], Answer]


def asking(port: int) -> Ask:
    return lambda token: send(port, "GET", "/", authorization=f"Bearer {token}")


def ask_until(ask: Ask, token: str, status: int) -> Answer:
    """Ask again until the answer has that status; the test's own time limit ends it otherwise."""
    while True:
        answer = ask(token)
        if answer.status == status:
            return answer


@pytest.fixture(scope="module")
def sdk_service(live: LiveAuthority) -> Ask:
    (port,) = free_ports(1)
    live.processes.start(
        "sdk-service",
        "tokenry.demo.service",
        environment={
            "DEMO_ISSUER": live.issuer,
            "DEMO_AUDIENCE": live.audience("orders"),
            "DEMO_NAME": "orders",
            "DEMO_SECRET": live.secrets["orders"],
            "DEMO_PORT": str(port),
        },
    )
    live.processes.wait_ready("sdk-service", port, "/ready")
    return asking(port)


@pytest.fixture(scope="module")
def pyjwt_service(live: LiveAuthority) -> Ask:
    (port,) = free_ports(1)
    live.processes.start(
        "pyjwt-service",
        "support.pyjwt_service",
        str(port),
        f"{live.issuer}/jwks",
        live.issuer,
        live.audience("orders"),
        environment={"PYTHONPATH": str(ROOT / "tests")},
    )
    live.processes.wait_ready("pyjwt-service", port, "/ready")
    return asking(port)


@pytest.fixture(scope="module")
def node_service(live: LiveAuthority) -> Iterator[Ask]:
    given = {
        "issuer": live.issuer,
        "name": "orders",
        "secret": live.secrets["orders"],
        "audience": live.audience("orders"),
        "listen": "0",
    }
    arguments = [part for name, value in given.items() for part in (f"--{name}", value)]
    with subprocess.Popen(
        [NODE, str(NODE_VERIFIER), *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = re.search(r"\d+$", process.stdout.readline().strip())
        assert told is not None
        try:
            yield asking(int(told.group()))
        finally:
            process.kill()


@requirement("R-01", "R-31", "R-40", "G-1")
def test_one_token_is_good_for_all_until_revoked_and_then_for_none_that_follow_the_feed(
    live: LiveAuthority, sdk_service: Ask, pyjwt_service: Ask, node_service: Ask
):
    token = live.token(scope="orders.read")
    ask_until(node_service, token, 200)  # it answers 503 until its first snapshot
    assert sdk_service(token).status == 200
    assert pyjwt_service(token).status == 200

    assert live.revoke(token=token).status == 200
    refused = ask_until(sdk_service, token, 401)
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    ask_until(node_service, token, 401)
    # A service with the key set alone cannot know, which is why there is a feed.
    assert pyjwt_service(token).status == 200


@requirement("R-02")
@pytest.mark.parametrize("service", ["payments", "vault"])
def test_a_token_for_another_service_opens_none_of_them(
    live: LiveAuthority, sdk_service: Ask, pyjwt_service: Ask, node_service: Ask, service: str
):
    token = live.token(service=service)
    for ask in (sdk_service, pyjwt_service, node_service):
        assert ask(token).status == 401


@requirement("R-05", "G-5")
def test_a_rotated_key_is_announced_and_nothing_breaks(
    live: LiveAuthority, sdk_service: Ask, pyjwt_service: Ask
):
    before = live.send("GET", "/jwks").json["keys"]
    answer = live.admin(
        "POST", "/admin/v1/keys/rotate", json={"use": "token", "algorithm": "ES256"}
    )
    assert answer.status in {200, 201}, answer
    after = live.send("GET", "/jwks").json["keys"]
    assert len(after) == len(before) + 1
    token = live.token()
    assert sdk_service(token).status == 200
    assert pyjwt_service(token).status == 200


@requirement("R-31", "G-5")
def test_a_compromised_key_is_dropped_by_the_services_at_once_and_another_signs(
    live: LiveAuthority, sdk_service: Ask, node_service: Ask
):
    old = live.token()
    assert ask_until(sdk_service, old, 200).status == 200
    ask_until(node_service, old, 200)
    (active,) = [
        key
        for key in live.admin("GET", "/admin/v1/keys").json["keys"]
        if key["state"] == "active" and key["use"] == "token"
    ]
    assert live.revoke(kind="key", id=active["kid"]).status == 200
    ask_until(sdk_service, old, 401)
    ask_until(node_service, old, 401)
    new = live.token()
    assert ask_until(sdk_service, new, 200).status == 200
    ask_until(node_service, new, 200)
    kids = {key["kid"] for key in live.send("GET", "/jwks").json["keys"]}
    assert active["kid"] not in kids


@requirement("R-65")
def test_the_operator_sees_how_far_each_verifier_has_come(live: LiveAuthority, sdk_service: Ask):
    while True:
        positions = live.admin("GET", "/admin/v1/feed/positions").json["positions"]
        if any(each["resource_server"] == "orders" for each in positions):
            return
