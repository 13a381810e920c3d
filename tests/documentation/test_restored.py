"""What the page says of a restored older database is so, and its steps end what it lets back in."""

import shutil
import subprocess
import sys

import pytest

from documentation.pages import block_of, text_of
from support.live import LiveAuthority, write_live
from tokenry.resource import PresentedRequest, TokenRefused, Verifier

PAGE = "how-to/back-up-and-restore.md"


@pytest.fixture
def authority(tmp_path):
    live = write_live(tmp_path)
    with live.processes:
        live.start()
        yield live


async def accepted(authority: LiveAuthority, tokens: dict[str, str]) -> set[str]:
    """Return which tokens a service accepts that starts now."""
    passed = set()
    async with Verifier(
        issuer=authority.issuer,
        audience=authority.audience("orders"),
        credentials=("orders", authority.secrets["orders"]),
    ) as verifier:
        for name, token in tokens.items():
            headers = [("authorization", f"Bearer {token}")]
            try:
                await verifier.verify(PresentedRequest("GET", "https://orders.example/", headers))
            except TokenRefused:
                continue
            passed.add(name)
    return passed


def back_up(authority: LiveAuthority) -> None:
    script = block_of(PAGE, "file backup.py").replace("tokenry-data", "data")
    subprocess.run([sys.executable, "-c", script, "monday.db"], cwd=authority.directory, check=True)


def restore(authority: LiveAuthority) -> None:
    authority.stop()
    for suffix in ("-wal", "-shm"):
        (authority.data / f"tokenry.db{suffix}").unlink(missing_ok=True)
    shutil.copy(authority.directory / "monday.db", authority.data / "tokenry.db")
    authority.start()


def remove_token_keys(authority: LiveAuthority) -> None:
    for key in authority.admin("GET", "/admin/v1/keys").json["keys"]:
        if key["use"] == "token" and key["state"] != "destroyed":
            assert authority.revoke(kind="key", id=key["kid"]).status == 200


async def test_an_older_database_forgets_and_removing_the_keys_ends_what_it_lets_back_in(authority):
    assert "revocations since the copy | **forgotten.**" in text_of(PAGE)
    tokens = {"revoked": authority.token()}
    back_up(authority)
    authority.revoke(token=tokens["revoked"])
    tokens["later"] = authority.token()
    assert await accepted(authority, tokens) == {"later"}

    restore(authority)
    tokens["new"] = authority.token()
    assert await accepted(authority, tokens) == {"revoked", "later", "new"}

    # The first number after the copy again: the later token was born at it, and is missed.
    authority.revoke(kind="client", id="shop")
    assert await accepted(authority, tokens) == {"later"}

    remove_token_keys(authority)
    tokens["newest"] = authority.token()
    assert await accepted(authority, tokens) == {"newest"}
