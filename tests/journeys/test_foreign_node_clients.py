"""npm openid-client, with our metadata and nothing else to go by."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts.node_packages import NODE, install
from support.live import LiveAuthority
from support.requirement import requirement

_PACKAGES = Path(__file__).parents[1] / ".peers" / "journeys"


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    install(Path(__file__).parent / "node", _PACKAGES)


@pytest.mark.timeout(180)
@requirement("R-01", "R-08", "R-30", "RFC 8414", "RFC 7009", "RFC 7662")
def test_openid_client_gets_verifies_revokes_and_introspects(live: LiveAuthority):
    given = {
        "issuer": live.issuer,
        "audience": live.audience("orders"),
        "secrets": live.secrets,
        "robotKey": live.private_jwk(),
        "robotKid": live.robot_key.public.kid,
    }
    ran = subprocess.run(
        [NODE, str(_PACKAGES / "client_credentials.mjs"), json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    expected = {
        "client_secret_basic": "shop",
        "client_secret_post": "kiosk",
        "private_key_jwt": "robot",
    }
    assert told == {
        method: {
            "sub": subject,
            "scope": "orders.read",
            "typ": "at+jwt",
            "introspected": {"active": False},
        }
        for method, subject in expected.items()
    }
