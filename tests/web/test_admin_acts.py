"""The admin API: what each act does and answers."""

import base64
import json

import pytest

from support.admin_node import AdminNode
from support.requirement import requirement
from support.taking_part import ISSUER, SECRET
from tokenry.authority.feed_positions import Position
from tokenry.jose import Algorithm, PrivateKey
from tokenry.protocol.client_auth import PresentedSecret
from tokenry.vocabulary.errors import InvalidClient, StoreFull
from tokenry.vocabulary.selectors import SelectorKind, selector


@pytest.fixture
async def admin(tmp_path) -> AdminNode:
    return await AdminNode.started(tmp_path)


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


@requirement("R-53", "R-05")
async def test_who_may_revoke_but_not_manage_keys_removes_no_key(admin):
    kid = admin.node.ring.token_header("ES256").kid
    asked = {"kind": "key", "id": kid}
    for duty in ("revoke", "keys"):
        refused = await admin.call("POST", "/revocations", json=asked, token=f"tko_{duty}")
        assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
    assert await admin.refusals() == [
        (f"operator:{duty}", "revoke", "insufficient_scope") for duty in ("revoke", "keys")
    ]
    assert await admin.node.records() == ()
    assert admin.node.ring.token_header("ES256").kid == kid


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
