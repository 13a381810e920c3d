"""The Python of the how-to guides does what the text beside it says."""

import logging
import re
from typing import Any

import httpx2
import pytest
import trustme
from starlette.responses import PlainTextResponse

import tokenry.resource
from documentation.pages import block_of, text_of
from tokenry.feed.staleness import Tier
from tokenry.resource.events import Alarm, AlarmKind, FeedLost, Refused, TierChanged
from tokenry.resource.refusal import Reason
from tokenry.resource.testing import TestingIssuer

PROTECT = "how-to/protect-a-service.md"
ORDERS = "https://orders.example"


@pytest.fixture
def issuer(monkeypatch):
    """An issuer that the verifiers of a page follow without knowing."""
    issuer = TestingIssuer("https://auth.example")
    made = {"Verifier": issuer.verifier, "SyncVerifier": issuer.sync_verifier}
    for name, make in made.items():

        def instead(*, issuer, audience, credentials, make=make, **options):
            assert issuer == "https://auth.example"
            return make(audience, **options)

        monkeypatch.setattr(tokenry.resource, name, instead, raising=False)
    monkeypatch.setenv("ORDERS_SECRET", "a secret of the orders service")
    return issuer


def run_block(page: str, test: str, **names: Any) -> dict[str, Any]:
    exec(compile(block_of(page, test), page, "exec"), names)
    return names


def asking(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ORDERS)


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_asgi_service_serves_whom_it_should(issuer):
    page = run_block(PROTECT, "starlette")
    token = issuer.mint(audience=ORDERS, scope="orders.read", subject="alice", client_id="shop")
    other = issuer.mint(audience=ORDERS, scope="orders.write")
    async with page["verifier"], asking(page["app"]) as client:
        served = await client.get("/orders", headers=bearing(token))
        assert served.json() == {"asked_by": "shop", "for": "alice"}
        assert (await client.get("/orders", headers=bearing(other))).status_code == 403
        assert (await client.get("/orders")).status_code == 401
        assert (await client.get("/healthz")).text == "yes"
        assert (await client.get("/healthz/more")).status_code == 401
        metadata = await client.get("/.well-known/oauth-protected-resource")
        assert metadata.json()["scopes_supported"] == ["orders.read", "orders.write"]


def test_the_wsgi_service_serves_whom_it_should(issuer):
    page = run_block(PROTECT, "wsgi")

    def ask(token: str | None) -> tuple[str, dict[str, str], bytes]:
        environ = {
            "REQUEST_METHOD": "GET",
            "wsgi.url_scheme": "https",
            "HTTP_HOST": "orders.example",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/orders",
            "REMOTE_ADDR": "192.0.2.1",
        }
        if token is not None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        started: list[Any] = []
        body = page["application"](environ, lambda *start: started.extend(start))
        return started[0], dict(started[1]), b"".join(body)

    with page["verifier"]:
        token = issuer.mint(audience=ORDERS, scope="orders.read", subject="alice")
        assert ask(token)[0] == "200 OK"
        assert ask(token)[2] == b"orders of alice"
        status, headers, _ = ask(None)
        assert status == "401 Unauthorized"
        assert headers["www-authenticate"].startswith("Bearer ")
        assert ask(issuer.mint(audience=ORDERS, scope="orders.write"))[0] == "403 Forbidden"


async def test_the_mounted_service_serves_whom_it_should(issuer):
    page = run_block(PROTECT, "mounted")
    token = issuer.mint(audience="https://shop.example/api", scope="orders.read", subject="alice")
    async with page["lifespan"](page["app"]), asking(page["app"]) as client:
        assert page["verifier"].tier is Tier.FRESH
        assert (await client.get("/")).text == "welcome"
        assert (await client.get("/api/healthz")).text == "welcome"
        served = await client.get("/api/orders", headers=bearing(token))
        assert served.json() == {"for": "alice"}
        refused = await client.get("/api/orders")
        assert refused.status_code == 401
        where = "/.well-known/oauth-protected-resource/api"
        assert (
            f'resource_metadata="https://shop.example{where}"'
            in (refused.headers["www-authenticate"])
        )
        assert (await client.get(where)).json()["resource"] == "https://shop.example/api"


def test_the_event_hook_takes_every_event_it_names(caplog):
    page = run_block(PROTECT, "events")
    caplog.set_level(logging.INFO)
    page["hear"](Refused(Reason.EXPIRED, "exp has passed"))
    page["hear"](TierChanged(Tier.FRESH, Tier.REDUCED))
    page["hear"](FeedLost("the stream has ended", 0.5))
    page["hear"](Alarm(AlarmKind.CLOCK, "behind"))
    assert [record.levelname for record in caplog.records] == [
        "INFO",
        "WARNING",
        "WARNING",
        "ERROR",
    ]
    assert "expired" in caplog.text


def test_every_alarm_is_explained():
    rows = re.findall(r"^\| `([a-z_]+)` \|", text_of(PROTECT), re.MULTILINE)
    assert {kind.value for kind in AlarmKind} <= set(rows)


async def test_a_verifier_can_trust_a_certificate_authority_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "our-ca.pem"))
    page = run_block(PROTECT, "private-ca", secret="a secret")
    assert page["verifier"].audience == "https://orders.internal"
    await page["fetcher"].close()


def test_the_tests_of_the_example_service_pass_as_shown(run_page):
    run_page("how-to/test-your-service.md")


async def test_a_service_that_knows_nothing_says_that_it_is_not_ready(issuer):
    verifier = issuer.verifier(ORDERS)
    names = {"verifier": verifier, "PlainTextResponse": PlainTextResponse}
    page = run_block("how-to/when-news-is-late.md", "ready", **names)
    assert (await page["ready"](None)).status_code == 503
    async with verifier:
        assert (await page["ready"](None)).status_code == 200
