"""The admin API: who may do what, what is read of a request, and what is recorded of a refusal."""

from pathlib import Path

import pytest

from support.admin_node import DUTIES, AdminNode
from support.requirement import requirement
from tokenry.authority.refusals import SAMPLE_PER_MINUTE
from tokenry.web.admin.application import admin_acts

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "admin-api.md"


@pytest.fixture
async def admin(tmp_path) -> AdminNode:
    return await AdminNode.started(tmp_path)


ACTS = [
    ("GET", "/issuer", None, None),
    ("POST", "/revocations", {"kind": "jti", "id": "x"}, "revoke"),
    ("GET", "/clients", None, "clients"),
    ("POST", "/clients", {"access": {}}, "clients"),
    ("GET", "/clients/shop", None, "clients"),
    ("POST", "/clients/shop/suspend", None, "clients"),
    ("POST", "/clients/shop/resume", None, "clients"),
    ("POST", "/clients/shop/rotate-secret", None, "clients"),
    ("DELETE", "/clients/shop", None, "clients"),
    ("GET", "/resource-servers", None, "clients"),
    ("GET", "/keys", None, "keys"),
    ("POST", "/keys/rotate", None, "keys"),
    ("GET", "/audit", None, "audit"),
    ("GET", "/feed/records", None, "feed"),
    ("GET", "/feed/positions", None, "feed"),
]


def ids(act):
    return f"{act[0]} {act[1]}"


def test_every_act_is_in_the_table_of_this_test(tmp_path):
    class Nothing:
        def __getattr__(self, name):
            return None

    described = {
        (method, path.replace("{client_id}", "shop"))
        for path, methods in admin_acts(Nothing(), Nothing()).items()
        for method in methods
    }
    assert described == {(method, path) for method, path, _, _ in ACTS}


@pytest.mark.parametrize("act", ACTS, ids=ids)
def test_the_reference_page_has_every_act_with_its_duty(act):
    method, path, _, duty = act
    path = path.replace("/shop", "/{client_id}")
    needed = "any operator" if duty is None else f"`{duty}`"
    assert f"| `{path}` | {method} | {needed} |" in PAGE.read_text(encoding="utf-8")


@requirement("R-53", "G-7")
@pytest.mark.parametrize("act", ACTS, ids=ids)
async def test_each_act_needs_an_operator_and_tells_nobody_else_why(admin, act):
    method, path, body, _ = act
    silent = await admin.call(method, path, json=body, token=None)
    assert silent.status_code == 401
    assert silent.headers["www-authenticate"] == 'Bearer realm="tokenry"'
    wrong = await admin.call(method, path, json=body, token="tko_wrong")
    assert wrong.status_code == 401
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert wrong.headers["cache-control"] == "no-store"
    assert {actor for actor, _, _ in await admin.refusals()} == {"anonymous"}


@requirement("R-53", "R-60")
@pytest.mark.parametrize("act", [act for act in ACTS if act[3]], ids=ids)
async def test_each_act_needs_its_own_duty_and_the_refusal_is_recorded(admin, act):
    method, path, body, duty = act
    for other in {*DUTIES, "none"} - {duty}:
        refused = await admin.call(method, path, json=body, token=f"tko_{other}")
        assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
        assert duty in refused.json()["error_description"]
    recorded = await admin.refusals()
    assert {actor for actor, _, _ in recorded} == {
        f"operator:{other}" for other in {*DUTIES, "none"} - {duty}
    }
    allowed = await admin.call(method, path, json=body, token=f"tko_{duty}")
    # Only one act is refused to who has the duty: the client came from a blueprint.
    assert allowed.status_code < 400 or (method, allowed.status_code) == ("DELETE", 409)


@requirement("R-60", "G-8")
async def test_refusals_of_strangers_are_sampled_within_a_bound(admin):
    for _ in range(SAMPLE_PER_MINUTE + 5):
        await admin.call("GET", "/keys", token="tko_wrong")
    assert len(await admin.refusals()) == SAMPLE_PER_MINUTE
    admin.node.clock.advance(60)
    await admin.call("GET", "/keys", token="tko_wrong")
    entry = (await admin.node.audit())[-1]
    assert entry.detail["left_out_before"] == 5
    assert "wrong" not in str(await admin.node.audit())
    counted = b'tokenry_requests_refused_total{code="invalid_token",endpoint="admin"} 16.0'
    assert counted in admin.metrics.render()


@requirement("RFC 6750 §2.1")
@pytest.mark.parametrize(
    "value", ["Basic dGtvX2FsbA==", "Bearer", "Bearer ", "tko_all", "Bearer tko_all x", "Bearer é"]
)
async def test_only_a_bearer_token_is_looked_at(admin, value):
    answer = await admin.call("GET", "/issuer", token=None, authorization=value.encode("latin-1"))
    assert answer.status_code == 401


async def test_the_scheme_is_case_insensitive(admin):
    answer = await admin.call("GET", "/issuer", token=None, authorization="bEARER tko_all")
    assert answer.status_code == 200


@requirement("G-8")
@pytest.mark.parametrize(
    ("status", "options"),
    [
        (400, {"json": b'{"kind":"jti","id":"a","id":"b"}'}),
        (400, {"json": {"kind": "jti", "id": "a", "reason": "x"}}),
        (400, {"json": {"kind": "jti", "id": 7}}),
        (400, {"json": {"kind": "jti"}}),
        (400, {"json": {"kind": "token", "id": "a"}}),
        (400, {"json": {"kind": "jti", "id": "a", "token": "b"}}),
        (400, {"json": {}}),
        (400, {"json": None}),
        (400, {"json": [1]}),
        (400, {"json": b"{"}),
        (400, {"json": b"[" * 10_000}),
        (400, {"json": {"token": "x" * 20_000}}),
        (400, {"json": {"token": "not a token"}}),
        (413, {"json": b" " * 65_537}),
        (415, {"json": {"kind": "jti", "id": "a"}, "content_type": "text/plain"}),
        (415, {"json": {"kind": "jti", "id": "a"}, "content_type": ""}),
    ],
)
async def test_a_body_is_read_strictly(admin, status, options):
    answer = await admin.call("POST", "/revocations", **options)
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error", "error_description"}
    assert await admin.node.records() == ()
    assert await admin.refusals() == [("operator:all", "revoke", answer.json()["error"])]


async def test_json_may_name_its_charset(admin):
    options = {
        "json": {"kind": "jti", "id": "a"},
        "content_type": "Application/JSON; charset=utf-8",
    }
    assert (await admin.call("POST", "/revocations", **options)).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["after=1&after=2", "befor=1", "limit=-1", "limit=x", "after=9007199254740992", "after=%ff",
     "limit=" + "9" * 400, "after=" + "0" * 17 + "9" * 30, "after=" + "0" * 5000,
     "&".join(f"a{n}=1" for n in range(50)), "limit=٣"],
)  # fmt: skip
async def test_a_query_is_read_strictly(admin, query):
    answer = await admin.call("GET", f"/audit?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


@requirement("RFC 9110 §15.5.6")
async def test_another_method_is_told_which_there_are(admin):
    answer = await admin.call("PUT", "/clients")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("path", ["//", "//admin/v1", "/clients/", "/clients/a/b", "//admin/v2/x"])
async def test_what_is_not_there_is_not_found(admin, path):
    answer = await admin.call("GET", path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@requirement("R-64")
async def test_health_and_readiness_need_nobody(admin):
    assert (await admin.call("GET", "//healthz", token=None)).status_code == 200
    assert (await admin.call("GET", "//readyz", token=None)).json() == {"status": "ready"}
    admin.not_ready = "no tick has been committed yet"
    answer = await admin.call("GET", "//readyz", token=None)
    assert answer.status_code == 503
    assert answer.json()["because"] == "no tick has been committed yet"
    assert (await admin.call("GET", "//healthz", token=None)).status_code == 200
    assert (await admin.call("HEAD", "//healthz", token=None)).content == b""
    assert (await admin.call("POST", "//healthz", token=None)).status_code == 405


@requirement("R-64")
async def test_metrics_are_in_prometheus_form(admin):
    await admin.call("GET", "/issuer")
    answer = await admin.call("GET", "//metrics", token=None)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'tokenry_request_seconds_count{endpoint="admin"} 1.0' in answer.text
