"""Attacks on an authority node from within its process: each was once a way past a guarantee."""

from hashlib import sha256

import pytest

from support import feed_node
from support.admin_node import AdminNode
from support.feed_node import FeedNode
from support.feed_site import Site
from support.issuing_node import ISSUER, IssuingNode
from support.requirement import requirement
from support.taking_part import client, resource_server
from tokenry.feed.chain import ChainHead
from tokenry.feed.snapshot import load_snapshot, manifest_of
from tokenry.feed.staleness import ClockReading
from tokenry.feed.view import RevocationView
from tokenry.protocol.access_token import TokenSelectors
from tokenry.protocol.registry import Scope, Secret
from tokenry.vocabulary.bounds import MAX_SCOPES
from tokenry.vocabulary.errors import (
    InfrastructureFailure,
    InvalidScope,
    Overloaded,
    SignerUnavailable,
    StoreUnavailable,
)
from tokenry.vocabulary.selectors import SelectorKind


class Failing:
    """A read that fails from its call number `on`."""

    def __init__(self, read, *, on) -> None:
        self._read = read
        self._left = on

    async def __call__(self, *arguments):
        self._left -= 1
        if self._left <= 0:
            raise StoreUnavailable("the disk is gone")
        return await self._read(*arguments)


async def cold_view(store, clock, *, leeway) -> RevocationView:
    """Return the view of a verifier that starts now."""
    live = await store.live_records(ISSUER)
    head = ChainHead(live.head.seq, live.head.chain)
    manifest = manifest_of(ISSUER, head, live.records, closed=live.head.closed, profiles=0)
    view = RevocationView(ISSUER, leeway=leeway)
    at = ClockReading(clock.now(), clock.boottime())
    view.install(load_snapshot(manifest, live.records, capacity=10_000), at)
    return view


@requirement("G-1")
async def test_a_raised_leeway_brings_no_revoked_token_back_to_who_starts_cold(tmp_path):
    node = await IssuingNode.started(tmp_path)
    token = node.verified((await node.issue()).access_token)
    await node.revoke("client", "shop")
    await node.put(resource_server(leeway=60))
    node.clock.advance(token.exp + 59 - node.clock.now() // 1000)
    await node.store.tick()
    await node.store.purge(limit=100)
    view = await cold_view(node.store, node.clock, leeway=60)
    assert view.matches(TokenSelectors(ISSUER).of(token), token.rsn) is not None


@requirement("G-5", "R-05")
async def test_once_a_stolen_key_is_removed_nothing_is_signed_with_it(tmp_path):
    node = await IssuingNode.started(tmp_path)
    stolen = node.ring.token_header("ES256").kid
    await node.revoke("key", stolen)
    assert node.ring.token_header("ES256").kid != stolen
    assert stolen.encode() not in node.ring.jwks()
    with pytest.raises(SignerUnavailable):
        await node.signer.sign(stolen, b"forged")


@requirement("G-5", "R-05")
async def test_who_could_not_put_a_removal_into_force_does_not_say_that_it_is(tmp_path):
    """The record is out; the repeat says 200 only once this node has let go of the key."""
    node = await IssuingNode.started(tmp_path)
    stolen = node.ring.token_header("ES256").kid
    read, node.store.signing_keys = node.store.signing_keys, Failing(node.store.signing_keys, on=2)
    with pytest.raises(StoreUnavailable):
        await node.revoke("key", stolen, idempotency_key="once")
    assert len(await node.records()) == 1
    node.store.signing_keys = read
    await node.revoke("key", stolen, idempotency_key="once")
    assert len(await node.records()) == 1
    assert node.ring.token_header("ES256").kid != stolen


@requirement("G-8", "R-03")
async def test_what_is_remembered_of_requests_is_small_however_they_are_spelled(tmp_path):
    node = await IssuingNode.started(tmp_path)
    scopes = {f"{n}-{'x' * 200}": Scope() for n in range(20)}
    access = {"orders": tuple(scopes)}
    await node.put(resource_server(scopes=scopes), client(access=access))
    await node.observe()
    for n in range(20):
        asked = [*scopes][n:] + [*scopes][:n]
        token = node.verified((await node.issue(scope=" ".join(asked))).access_token)
        assert token.scope.split() == asked
    kept = sum(len(scope or "") for _, scope, _ in node.issuance._targets)
    assert kept <= 20 * 1024


@requirement("G-8", "R-03")
async def test_naming_one_scope_again_and_again_is_asking_for_too_many(tmp_path):
    node = await IssuingNode.started(tmp_path)
    with pytest.raises(InvalidScope):
        await node.issue(scope=" ".join(["orders.read"] * (MAX_SCOPES + 1)))


@requirement("G-8", "R-31")
async def test_one_service_cannot_take_every_stream(tmp_path):
    node = await FeedNode.started(tmp_path, most_subscribers=6, most_of_each=3)
    await node.put(feed_node.resource_server(feed_node.PAYMENTS))
    await node.publisher.publish()
    taken = [await node.publisher.subscribe(feed_node.ORDERS, after=None) for _ in range(3)]
    with pytest.raises(Overloaded):
        await node.publisher.subscribe(feed_node.ORDERS, after=None)
    await node.publisher.subscribe(feed_node.PAYMENTS, after=None)
    taken[0].end()
    taken[0].end()
    assert await node.publisher.subscribe(feed_node.ORDERS, after=None)
    with pytest.raises(Overloaded):
        await node.publisher.subscribe(feed_node.ORDERS, after=None)


def digest_of(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


@requirement("G-8", "R-31")
async def test_a_stream_ends_with_the_secret_that_it_was_opened_with(tmp_path):
    node = await FeedNode.started(tmp_path)
    old, new = digest_of("old"), digest_of("new")
    server = feed_node.resource_server(secrets=(Secret(old, 0), Secret(new, 0)))
    await node.put(server)
    await node.publisher.publish()
    name = server.name
    stolen = await node.publisher.subscribe(name, after=None, secret=old)
    kept = await node.publisher.subscribe(name, after=None, secret=new)
    await node.put(feed_node.resource_server(secrets=(Secret(new, 0),)))
    await node.publisher.publish()
    await node.revoke_and_publish("t1")
    assert await stolen.next() is None
    await kept.next()
    assert b"event: frame" in await kept.next(), "what came after its opening"
    with pytest.raises(InfrastructureFailure):
        await node.publisher.subscribe(name, after=None, secret=old)
    assert await node.publisher.subscribe(name, after=None, secret=new)


@requirement("R-31")
async def test_the_feed_endpoint_ends_a_stream_whose_secret_is_gone(tmp_path):
    site = Site(await FeedNode.started(tmp_path))
    request = site.request("/feed").stream()
    await request.block()
    await site.node.put(feed_node.resource_server(secrets=(Secret(digest_of("other"), 0),)))
    await site.node.publisher.publish()
    await request.task
    assert await request.block() == b""
    assert request.ended
    again = site.request("/feed")
    await again.answer()
    assert again.status == 401


@requirement("G-6", "R-60")
@pytest.mark.parametrize("kind", [*SelectorKind])
@pytest.mark.parametrize("form", ["opaque", "jwt"])
async def test_a_token_in_the_place_of_an_id_is_refused_and_not_recorded(tmp_path, kind, form):
    admin = await AdminNode.started(tmp_path)
    await admin.node.put(
        resource_server("vault", "https://vault.example", token_format=form),
        client(access={"vault": ("vault.read",)}),
    )
    token = (await admin.node.issue(scope="vault.read")).access_token
    answer = await admin.call("POST", "/revocations", json={"kind": kind, "id": f" {token}"})
    assert answer.status_code == 400
    assert "--token" in answer.json()["error_description"]
    assert token not in answer.text
    assert not [entry for entry in await admin.node.audit() if token in str(entry)]
    assert await admin.refusals() == [("operator:all", "revoke", "invalid_request")]


@requirement("G-6", "R-60")
@pytest.mark.parametrize("prefix", ["tkr_", "tks_", "tko_", "tkv_"])
async def test_a_secret_in_the_place_of_an_id_is_refused_and_not_recorded(tmp_path, prefix):
    admin = await AdminNode.started(tmp_path)
    secret = prefix + "-" * 43
    revoke = await admin.call("POST", "/revocations", json={"kind": "client", "id": secret})
    add = await admin.call("POST", "/clients", json={"client_id": secret, "access": {}})
    name = await admin.call("POST", "/clients", json={"name": f"shop {secret}", "access": {}})
    assert [answer.status_code for answer in (revoke, add, name)] == [400] * 3
    assert not [entry for entry in await admin.node.audit() if secret in str(entry)]


@requirement("R-33")
@pytest.mark.parametrize(
    "id_", ["tkr_" + "-" * 18, "com.example.shop", "eyJ", "a" * 512, "tk_" + "x" * 43]
)
async def test_no_id_is_taken_for_a_secret(tmp_path, id_):
    node = await IssuingNode.started(tmp_path)
    assert (await node.revoke("subject", id_)).fresh


@requirement("R-30", "R-33")
async def test_an_act_repeated_under_its_key_answers_as_the_first_and_claims_nothing_false(
    tmp_path,
):
    admin = await AdminNode.started(tmp_path)
    await admin.call("POST", "/clients", json={"client_id": "till", "access": {}})
    removed = [
        await admin.call("DELETE", "/clients/till", idempotency_key="remove") for _ in range(2)
    ]
    assert [answer.status_code for answer in removed] == [200, 200]
    assert removed[0].json()["numbers"] == removed[1].json()["numbers"]
    first = await admin.call("POST", "/clients/shop/suspend", idempotency_key="suspend")
    await admin.call("POST", "/clients/shop/resume")
    again = await admin.call("POST", "/clients/shop/suspend", idempotency_key="suspend")
    assert again.json()["numbers"] == first.json()["numbers"]
    assert (first.json()["suspended"], again.json()["suspended"]) == (True, False)
    assert "before" in again.json()["note"]
