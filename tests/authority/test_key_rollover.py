"""Key rollover: first start, rotation, retirement, emergencies; committed, audited, raced."""

import asyncio

import msgspec
import pytest

from support.feed_node import ISSUER, ORDERS, PAYMENTS, FeedNode, resource_server
from support.requirement import requirement
from tokenry.audit.entry import AuditEvent, decode_entry
from tokenry.authority.key_rollover import RotationUnderWay
from tokenry.jose import KeySet
from tokenry.ports.plans import ChangePlan, PutCeiling
from tokenry.protocol.key_states import LATE_SIGNATURES
from tokenry.protocol.registry import LifetimeCeiling
from tokenry.protocol.signing_key import KeyState, KeyUse
from tokenry.stores.memory import MemoryStore
from tokenry.vocabulary.errors import InvalidRequest, SignerUnavailable, StoreUnavailable
from tokenry.vocabulary.identifiers import KeyId
from tokenry.vocabulary.instant import Seconds

AT_ONCE = {"actor": "operator:olivia", "trace": "f" * 32}


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


async def states(node):
    keys = await node.store.signing_keys(ISSUER)
    return {key.kid: key.state for key in keys}


async def audited(node):
    entries = await node.store.audit_entries(ISSUER, after=0, limit=1000)
    return [decode_entry(stored.entry) for stored in entries]


@requirement("R-05")
async def test_a_first_start_makes_a_token_key_and_two_feed_keys_that_are_active(node):
    keys = await node.store.signing_keys(ISSUER)
    made = sorted((key.use, key.algorithm, key.state) for key in keys)
    assert made == [
        (KeyUse.FEED, "ES256", KeyState.ACTIVE),
        (KeyUse.FEED, "ES256", KeyState.ACTIVE),
        (KeyUse.TOKEN, "ES256", KeyState.ACTIVE),
    ]
    await node.rollover.ensure()
    assert await node.store.signing_keys(ISSUER) == keys, "a second start makes none"


@requirement("R-05", "R-01")
async def test_each_algorithm_that_a_resource_server_declares_gets_a_key(node):
    await node.put(
        resource_server(PAYMENTS, algorithm="Ed25519"),
        resource_server("opaque", algorithm="RS256", token_format="opaque"),
    )
    await node.rollover.ensure()
    keys = await node.store.signing_keys(ISSUER)
    algorithms = {key.algorithm for key in keys if key.use is KeyUse.TOKEN}
    assert algorithms == {"ES256", "Ed25519"}, "an opaque token is not signed"
    assert node.ring.token_header("Ed25519")


@requirement("G-5", "R-70")
async def test_two_nodes_that_start_together_make_one_set_of_keys(tmp_path):
    one = FeedNode(tmp_path)
    other = FeedNode(tmp_path, store=one.store, clock=one.clock)
    await one.store.create_issuer(ISSUER)
    await asyncio.gather(one.rollover.ensure(), other.rollover.ensure())
    assert len(await one.store.signing_keys(ISSUER)) == 3
    assert one.ring.jwks() == other.ring.jwks() or await refreshed_alike(one, other)


async def refreshed_alike(one, other):
    await one.ring.refresh()
    await other.ring.refresh()
    return one.ring.jwks() == other.ring.jwks()


@requirement("G-5", "R-05", "R-70")
async def test_a_rotation_walks_through_every_state_without_a_refused_token(node):
    old = node.ring.token_header("ES256").kid
    await node.change(
        PutCeiling(LifetimeCeiling(resource_server=ORDERS, lifetime=Seconds(900), until=None))
    )
    new = await node.rollover.rotate(KeyUse.TOKEN, "ES256", **AT_ONCE)
    assert new.state is KeyState.ANNOUNCED
    node.clock.advance(299)
    await node.rollover.take_due_steps()
    assert (await states(node))[new.kid] is KeyState.ANNOUNCED, "cached key sets live 300 s"
    node.clock.advance(3)
    await node.rollover.take_due_steps()
    assert (await states(node))[new.kid] is KeyState.ACTIVE
    assert (await states(node))[old] is KeyState.RETIRED
    # The longest token of the old key: 900 s, and 5 s of leeway.
    node.clock.advance(905 + LATE_SIGNATURES - 1)
    await node.rollover.take_due_steps()
    assert old in KeySet.from_jwks(node.ring.jwks()).by_kid
    node.clock.advance(1)
    await node.rollover.take_due_steps()
    assert (await states(node))[old] is KeyState.DESTROYED
    assert old not in KeySet.from_jwks(node.ring.jwks()).by_kid
    (row,) = [key for key in await node.store.signing_keys(ISSUER) if key.kid == old]
    assert row.wrapped_private == b""
    with pytest.raises(SignerUnavailable):
        await node.signer.sign(old, b"input")


@requirement("G-1", "G-5")
async def test_a_rotated_feed_key_becomes_the_spare_and_the_spare_signs(node):
    first = node.publisher._signing.kid
    spare = next(
        key.kid for key in node.ring.all_keys() if key.use is KeyUse.FEED and key.kid != first
    )
    new = await node.rollover.rotate(KeyUse.FEED, "ES256", **AT_ONCE)
    node.clock.advance(303)
    await node.rollover.take_due_steps()
    assert node.publisher._signing.kid == spare
    after = await states(node)
    assert (after[first], after[spare], after[new.kid]) == (
        KeyState.RETIRED,
        KeyState.ACTIVE,
        KeyState.ACTIVE,
    )


async def test_a_rotation_that_is_under_way_is_not_begun_again(node):
    await node.rollover.rotate(KeyUse.TOKEN, "ES256", **AT_ONCE)
    with pytest.raises(RotationUnderWay):
        await node.rollover.rotate(KeyUse.TOKEN, "ES256", **AT_ONCE)
    assert len(await node.store.signing_keys(ISSUER)) == 4


@pytest.mark.parametrize(("use", "algorithm"), [(KeyUse.TOKEN, "RS256"), (KeyUse.FEED, "Ed25519")])
async def test_what_has_no_key_cannot_be_rotated(node, use, algorithm):
    with pytest.raises(InvalidRequest, match=algorithm):
        await node.rollover.rotate(use, algorithm, **AT_ONCE)


@requirement("R-60")
async def test_every_step_is_audited_with_who_took_it(node):
    new = await node.rollover.rotate(KeyUse.TOKEN, "ES256", **AT_ONCE)
    node.clock.advance(303)
    await node.rollover.take_due_steps()
    entries = await audited(node)
    assert [entry.event for entry in entries[:3]] == [AuditEvent.KEY_CREATED] * 3
    created = entries[3]
    assert (created.actor, created.trace) == (AT_ONCE["actor"], AT_ONCE["trace"])
    assert created.detail == {
        "kid": new.kid,
        "use": "token",
        "algorithm": "ES256",
        "state": "announced",
    }
    assert {(entry.event, entry.actor, entry.detail["state"]) for entry in entries[4:]} == {
        (AuditEvent.KEY_CHANGED, "authority", "active"),
        (AuditEvent.KEY_CHANGED, "authority", "retired"),
    }
    assert len({entry.trace for entry in entries[4:]}) == 1
    assert all("wrapped" not in str(entry.detail) for entry in entries)


@requirement("G-5", "R-05")
async def test_a_stolen_signing_key_is_replaced_in_one_plan(node):
    stolen = node.ring.token_header("ES256").kid
    changes = await node.rollover.emergency_removal(stolen)
    assert [(change.key.state, change.expected) for change in changes] == [
        (KeyState.DESTROYED, KeyState.ACTIVE),
        (KeyState.ACTIVE, None),
    ]
    entries = node.rollover.audit_of(changes, **AT_ONCE)
    assert [entry.event for entry in entries] == [AuditEvent.KEY_CHANGED, AuditEvent.KEY_CREATED]
    plan = ChangePlan(issuer=ISSUER, asked_at=node.clock.now(), changes=changes, audit=entries)
    await node.store.change(plan)
    await node.ring.refresh()
    assert stolen not in KeySet.from_jwks(node.ring.jwks()).by_kid
    assert node.ring.token_header("ES256").kid == changes[1].key.kid
    assert await node.rollover.emergency_removal(stolen) == (), "a repeat changes nothing"


async def test_a_kid_that_never_was_cannot_be_removed(node):
    with pytest.raises(InvalidRequest):
        await node.rollover.emergency_removal(KeyId("never"))


@requirement("G-5")
async def test_of_two_nodes_that_see_a_step_due_one_takes_it(node, tmp_path):
    other = FeedNode(tmp_path, store=node.store, clock=node.clock)
    await node.rollover.rotate(KeyUse.TOKEN, "ES256", **AT_ONCE)
    await other.ring.refresh()
    node.clock.advance(303)
    await asyncio.gather(node.rollover.take_due_steps(), other.rollover.take_due_steps())
    changed = [e for e in await audited(node) if e.event is AuditEvent.KEY_CHANGED]
    assert len(changed) == 2


async def test_an_algorithm_whose_only_key_waits_uses_it_at_once(node):
    stolen = node.ring.token_header("ES256").kid
    waiting = await node.rollover.rotate(KeyUse.TOKEN, "ES256", **AT_ONCE)
    row = next(k for k in await node.store.signing_keys(ISSUER) if k.kid == stolen)
    gone = msgspec.structs.replace(row, state=KeyState.DESTROYED, wrapped_private=b"")
    node.store._issuers[ISSUER].keys[stolen] = gone
    await node.rollover.ensure()
    assert node.ring.token_header("ES256").kid == waiting.kid
    assert len(await node.store.signing_keys(ISSUER)) == 4


@requirement("G-8")
async def test_a_store_that_fails_is_asked_again_by_the_background_task(node):
    rests = []

    async def pause(seconds):
        rests.append(seconds)
        if len(rests) == 2:
            node.rollover._store = healthy
        if len(rests) == 3:
            raise asyncio.CancelledError

    await node.rollover.rotate(KeyUse.TOKEN, "ES256", **AT_ONCE)
    node.clock.advance(303)
    healthy, broken = node.store, MemoryStore(clock=node.clock)
    await broken.close()
    node.rollover._store = broken
    node.rollover._pause = pause
    with pytest.raises(StoreUnavailable):
        await node.rollover.take_due_steps()
    with pytest.raises(asyncio.CancelledError):
        await node.rollover.run()
    assert KeyState.RETIRED in (await states(node)).values()
