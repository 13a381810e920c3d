"""The admin API: who may do what, what is recorded, and what each act answers."""

import base64
import json

import pytest

from support.admin_node import DUTIES, AdminNode
from support.requirement import requirement
from support.taking_part import ISSUER, SECRET
from tokenry.authority.feed_positions import Position
from tokenry.jose import Algorithm, PrivateKey
from tokenry.protocol.client_auth import PresentedSecret
from tokenry.vocabulary.errors import InvalidClient, StoreFull
from tokenry.vocabulary.selectors import SelectorKind, selector
from tokenry.web.admin.application import admin_acts
from tokenry.web.admin.refusals import SAMPLE_PER_MINUTE


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
     "limit=" + "9" * 400, "&".join(f"a{n}=1" for n in range(50)), "limit=٣"],
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


async def test_the_issuer_shows_its_head(admin):
    before = (await admin.call("GET", "/issuer")).json()
    await admin.call("POST", "/revocations", json={"kind": "jti", "id": "x"})
    after = (await admin.call("GET", "/issuer")).json()
    assert (after["issuer"], after["epoch"]) == (ISSUER, 1)
    assert after["head"] == before["head"] + 1
    assert after["chain"] != before["chain"]


@requirement("R-30")
@pytest.mark.parametrize(
    "kind", [kind for kind in SelectorKind if kind not in {SelectorKind.KEY, SelectorKind.ISSUER}]
)
async def test_every_kind_can_be_revoked_and_says_what_that_does(admin, kind):
    answer = await admin.call("POST", "/revocations", json={"kind": kind, "id": "some-id"})
    revoked = answer.json()
    assert revoked["kind"] == kind
    assert revoked["fresh"] is True
    assert revoked["selector"] == selector(ISSUER, kind, "some-id").hex()
    (record,) = await admin.node.records()
    assert revoked["numbers"] == [record.seq]
    assert revoked["note"]
    entry = (await admin.node.audit())[-1]
    assert (entry.actor, entry.detail["kind"], entry.detail["id"]) == (
        "operator:all",
        kind,
        "some-id",
    )


@requirement("R-30")
async def test_a_pasted_token_is_revoked_by_its_jti(admin):
    issued = await admin.node.issue()
    claims = admin.node.verified(issued.access_token)
    revoked = (await admin.call("POST", "/revocations", json={"token": issued.access_token})).json()
    assert revoked["selector"] == selector(ISSUER, SelectorKind.JTI, claims.jti).hex()
    assert issued.access_token not in str(await admin.node.audit())


@requirement("R-30")
async def test_the_same_idempotency_key_gives_one_record(admin):
    asked = {"kind": "client", "id": "shop"}
    first = await admin.call("POST", "/revocations", json=asked, idempotency_key="k")
    again = await admin.call("POST", "/revocations", json=asked, idempotency_key="k")
    assert first.json() == again.json()
    assert len(await admin.node.records()) == 1
    other = {"kind": "client", "id": "kiosk"}
    clash = await admin.call("POST", "/revocations", json=other, idempotency_key="k")
    assert clash.status_code == 422
    assert len(await admin.node.records()) == 1


@requirement("R-30")
async def test_a_key_belongs_to_the_operator_who_used_it(admin):
    asked = {"kind": "client", "id": "shop"}
    await admin.call("POST", "/revocations", json=asked, idempotency_key="k", token="tko_all")
    await admin.call("POST", "/revocations", json=asked, idempotency_key="k", token="tko_revoke")
    assert len(await admin.node.records()) == 2


@requirement("R-05", "G-5")
async def test_a_stolen_key_is_removed_and_another_signs(admin):
    kid = admin.node.ring.token_header("ES256").kid
    answer = await admin.call("POST", "/revocations", json={"kind": "key", "id": kid})
    assert answer.status_code == 200
    keys = (await admin.call("GET", "/keys")).json()["keys"]
    states = {(key["kid"] == kid, key["state"]) for key in keys if key["use"] == "token"}
    assert states == {(True, "destroyed"), (False, "active")}
    assert "private" not in json.dumps(keys)


@requirement("R-30")
async def test_a_client_is_added_used_suspended_resumed_and_removed(admin):
    access = {"orders": ["orders.read"]}
    added = await admin.call(
        "POST", "/clients", json={"client_id": "till", "name": "Till", "access": access}
    )
    assert added.status_code == 201
    secret = added.json()["client_secret"]
    presented = PresentedSecret("till", "client_secret_basic", secret)
    await admin.node.observe()
    await admin.node.issue(presented)

    suspended = (await admin.call("POST", "/clients/till/suspend")).json()
    assert suspended["suspended"] is True
    assert suspended["numbers"] == [(await admin.node.records())[-1].seq]
    await admin.node.observe()
    with pytest.raises(InvalidClient):
        await admin.node.issue(presented)

    assert (await admin.call("POST", "/clients/till/resume")).json()["suspended"] is False
    await admin.node.observe()
    await admin.node.issue(presented)

    removed = await admin.call("DELETE", "/clients/till")
    assert removed.json()["client_id"] == "till"
    await admin.node.observe()
    with pytest.raises(InvalidClient):
        await admin.node.issue(presented)
    assert (await admin.call("GET", "/clients/till")).status_code == 404


async def test_a_client_with_keys_is_shown_without_them(admin):
    key = PrivateKey.generate(Algorithm.ES256)
    asked = {
        "client_id": "robot",
        "auth": "private_key_jwt",
        "access": {"orders": ["orders.read"]},
        "jwks": {"keys": [key.public.to_jwk()]},
    }
    added = (await admin.call("POST", "/clients", json=asked)).json()
    assert added["keys"] == 1
    assert added["secrets"] == []
    assert "client_secret" not in added


@requirement("R-10")
async def test_a_private_key_is_refused_as_burnt_and_never_repeated(admin):
    key = PrivateKey.generate(Algorithm.ES256)
    private = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
    asked = {
        "auth": "private_key_jwt",
        "access": {},
        "jwks": {"keys": [{**key.public.to_jwk(), "d": private}]},
    }
    answer = await admin.call("POST", "/clients", json=asked)
    assert answer.status_code == 400
    assert "keys[0]" in answer.json()["error_description"]
    assert "out of use" in answer.json()["error_description"]
    assert private not in answer.text + str(await admin.node.audit())


async def test_a_rotated_secret_is_shown_once_and_the_old_one_overlaps(admin):
    rotated = await admin.call(
        "POST", "/clients/shop/rotate-secret", json={"overlap": 60}, idempotency_key="k"
    )
    secret = rotated.json()["client_secret"]
    again = await admin.call(
        "POST", "/clients/shop/rotate-secret", json={"overlap": 60}, idempotency_key="k"
    )
    assert again.json()["client_secret"] is None
    await admin.node.observe()
    for each in (secret, SECRET):
        await admin.node.issue(PresentedSecret("shop", "client_secret_basic", each))
    admin.node.clock.advance(61)
    await admin.node.observe()
    with pytest.raises(InvalidClient):
        await admin.node.issue(PresentedSecret("shop", "client_secret_basic", SECRET))


@requirement("R-66")
async def test_no_answer_shows_a_digest(admin):
    texts = [
        (await admin.call("GET", path)).text
        for path in ("/clients", "/clients/shop", "/resource-servers", "/keys", "/audit?limit=500")
    ]
    client = (await admin.node.store.find_client(ISSUER, "shop")).value
    for digest in [secret.digest for secret in client.secrets]:
        assert digest.hex() not in "".join(texts)
        assert base64.b64encode(digest).decode() not in "".join(texts)
    assert "wrapped" not in "".join(texts)


async def test_clients_are_listed_a_page_at_a_time(admin):
    for name in ("b", "a", "c"):
        await admin.call("POST", "/clients", json={"client_id": name, "access": {}})
    first = (await admin.call("GET", "/clients?limit=2")).json()["clients"]
    rest = (await admin.call("GET", "/clients?after=b&limit=9")).json()["clients"]
    assert [client["client_id"] for client in (*first, *rest)] == ["a", "b", "c", "shop"]


async def test_resource_servers_are_listed(admin):
    servers = (await admin.call("GET", "/resource-servers")).json()["resource_servers"]
    assert {server["name"] for server in servers} == {"orders", "payments"}


@requirement("R-05")
async def test_a_rotated_key_is_announced_first(admin):
    answer = await admin.call("POST", "/keys/rotate", json={"use": "token", "algorithm": "ES256"})
    assert (answer.status_code, answer.json()["state"]) == (201, "announced")
    again = await admin.call("POST", "/keys/rotate")
    assert again.status_code == 409
    unknown = await admin.call("POST", "/keys/rotate", json={"algorithm": "RS256"})
    assert unknown.status_code == 400
    assert (await admin.call("POST", "/keys/rotate", json={"use": "both"})).status_code == 400


@requirement("R-60")
async def test_the_record_is_read_and_waited_for(admin):
    page = (await admin.call("GET", "/audit?limit=500")).json()
    await admin.call("POST", "/revocations", json={"kind": "jti", "id": "x"})
    news = (await admin.call("GET", f"/audit?after={page['next']}&wait=5")).json()
    (entry,) = news["entries"]
    assert entry["entry"]["event"] == "revoked"
    assert entry["leaf"] is None
    assert news["next"] == entry["id"]
    empty = (await admin.call("GET", f"/audit?after={news['next']}&wait=30")).json()
    assert empty == {"entries": [], "next": news["next"]}


@requirement("R-31")
async def test_the_feed_is_read_from_the_head_or_a_number(admin):
    start = (await admin.call("GET", "/feed/records")).json()
    assert start["records"] == []
    await admin.call("POST", "/revocations", json={"kind": "jti", "id": "x"})
    page = (await admin.call("GET", f"/feed/records?after={start['next']}")).json()
    (record,) = page["records"]
    assert record["seq"] == record["before"] == page["head"] == page["next"]
    assert record["type"] == "selector"
    above = await admin.call("GET", f"/feed/records?after={page['head'] + 1}")
    assert above.status_code == 409


@requirement("R-31")
async def test_positions_show_how_far_each_verifier_has_come(admin):
    head = (await admin.call("GET", "/issuer")).json()["head"]
    admin.positions.report(
        Position(
            resource_server="orders",
            instance="i" * 22,
            head=head,
            closed=admin.node.clock.now(),
            lag_ms=12,
            keys=("k",),
            reported_at=admin.node.clock.now(),
        )
    )
    await admin.call("POST", "/revocations", json={"kind": "jti", "id": "x"})
    (position,) = (await admin.call("GET", "/feed/positions")).json()["positions"]
    assert (position["behind"], position["lag_ms"], position["keys"]) == (1, 12, ["k"])


@requirement("R-60")
async def test_the_callers_trace_id_is_in_the_record(admin):
    trace = "0af7651916cd43dd8448eb211c80319c"
    await admin.call(
        "POST",
        "/revocations",
        json={"kind": "jti", "id": "x"},
        traceparent=f"00-{trace}-b7ad6b7169203331-01",
    )
    assert (await admin.node.audit())[-1].trace == trace


@requirement("G-4")
async def test_a_broken_store_is_said_blandly_with_a_trace_id(admin, monkeypatch):
    async def full(plan):
        raise StoreFull("/var/lib/secret-path is full")

    monkeypatch.setattr(admin.node.store, "revoke", full)
    answer = await admin.call("POST", "/revocations", json={"kind": "jti", "id": "x"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["trace_id"]
    assert "secret-path" not in answer.text


async def test_a_defect_is_answered_and_told_to_the_log(admin, monkeypatch):
    async def defect(*_args, **_more):
        raise ZeroDivisionError("a private detail")

    monkeypatch.setattr(admin.node.store, "signing_keys", defect)
    answer = await admin.call("GET", "/keys")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "private detail" not in answer.text
