"""Attacks on revocation and its clock, in process: each was once a way past a guarantee."""

import asyncio
import os

import pytest

from support.assertions import assertion_claims, jwks, signed
from support.feed_node import FeedNode
from support.issuing_node import ISSUER, IssuingNode
from support.manual_clock import ManualClock
from support.requirement import requirement
from support.taking_part import ORDERS, SECRET, client
from tokenry.jose import Algorithm, PrivateKey
from tokenry.protocol.client_assertion import read_assertion
from tokenry.protocol.client_auth import PresentedSecret
from tokenry.stores.memory import MemoryStore
from tokenry.stores.sqlite import open_sqlite_store
from tokenry.vocabulary.bounds import (
    MAX_LEEWAY,
    MAX_TOKEN_LIFETIME,
    REVOCATION_WINDOW,
    TOKENS_REVOKED_PER_WINDOW,
)
from tokenry.vocabulary.errors import (
    ClockIsOff,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    ProtocolError,
)
from tokenry.vocabulary.selectors import SelectorKind, selector

REVOKED = {"client": "shop", "audience": ORDERS.audience}


class Interposed:
    """A store of which one verb does something first."""

    def __init__(self, store, verb, before) -> None:
        self._store = store
        self._verb = verb
        self._before = before

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name != self._verb:
            return found

        async def after_something_else(*arguments, **options):
            await self._before()
            return await found(*arguments, **options)

        return after_something_else


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path, clock):
    if request.param == "memory":
        store = MemoryStore(clock=clock)
    else:
        store = open_sqlite_store(tmp_path / "db", clock=clock, entropy=os.urandom)
    yield store
    await store.close()


@requirement("G-1")
@pytest.mark.parametrize("kind", ["client", "audience"])
async def test_a_record_outlives_every_token_born_while_it_waited_for_its_commit(
    tmp_path, clock, store, kind
):
    births = []

    async def wait_while_others_issue():
        clock.advance(90)
        births.append(node.verified((await node.issue()).access_token))

    waiting = Interposed(store, "revoke", wait_while_others_issue)
    node = await IssuingNode.started(tmp_path, store=waiting, clock=clock)
    number = (await node.revoke(kind, REVOKED[kind])).numbers[0]
    (record,) = (await store.feed_page(ISSUER, after=number - 1, limit=1)).records
    (token,) = births
    assert token.rsn < number, "so the record has to kill it"
    assert record.expires >= token.exp + 5


class CountedBatches:
    """A writer that keeps the sizes of the batches it commits."""

    def __init__(self, inner, sizes) -> None:
        self._inner = inner
        self._sizes = sizes

    async def apply(self, batch):
        return await self._inner.apply(batch)

    async def commit(self, batch):
        self._sizes.append(len(batch.work))
        await self._inner.commit(batch)

    async def was_committed(self, batch):
        return await self._inner.was_committed(batch)


@requirement("G-4", "G-8")
async def test_revocations_of_different_things_share_a_commit(tmp_path, clock):
    sizes = []
    store = open_sqlite_store(
        tmp_path / "db",
        clock=clock,
        entropy=os.urandom,
        through=lambda writer: CountedBatches(writer, sizes),
    )
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    sizes.clear()
    await asyncio.gather(*(node.revoke("subject", f"user-{n}") for n in range(100)))
    await store.close()
    assert len(sizes) < 50, "those of one turn of the event loop are taken together"


@requirement("G-8", "R-30")
async def test_revoking_goes_on_while_clients_are_registered(tmp_path, clock, store):
    registered = 0

    async def register_another():
        nonlocal registered
        registered += 1
        await node.put(client(f"bulk-{registered}"))

    overtaken = Interposed(store, "revoke", register_another)
    node = await IssuingNode.started(tmp_path, store=overtaken, clock=clock)
    token = (await node.issue()).access_token
    report = await node.revoke("subject", "user")
    assert registered == 2, "it lost to one change, and then to none"
    await node.revoke_as_client(token)
    assert registered == 4
    records = (await store.feed_page(ISSUER, after=report.numbers[0] - 1, limit=9)).records
    now = clock.now() // 1000
    assert [record.expires - now for record in records] >= [MAX_TOKEN_LIFETIME + MAX_LEEWAY, 305]


async def robot_on(node, jti="first"):
    """Register a client that authenticates with assertions; return one of its."""
    key = PrivateKey.generate(Algorithm.ES256)
    await node.put(client("robot", auth="private_key_jwt", secrets=(), jwks=jwks(key)))
    await node.observe()
    claims = assertion_claims(now=node.clock.now(), client_id="robot", jti=jti)
    return read_assertion(signed(key, claims))


async def refusals(node):
    return [
        (entry.actor, entry.event, entry.because)
        for entry in await node.audit()
        if entry.event.endswith(".refused")
    ]


@requirement("G-2", "R-11")
@pytest.mark.parametrize("what", ["unknown", "expired", "revoked", "missing", "another's"])
async def test_one_assertion_revokes_once_whatever_it_revokes(tmp_path, clock, store, what):
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    token = None if what == "missing" else "nonsense"
    if what in ("expired", "revoked", "another's"):
        presented = None if what == "another's" else await robot_on(node)
        token = (await node.issue(presented)).access_token
    if what == "revoked":
        await node.revoke("client", "robot")
    if what == "expired":
        clock.advance(307)
    assertion = await robot_on(node, "second")
    first = None
    try:
        await node.revoke_as_client(token, assertion)
    except ProtocolError as refusal:
        first = refusal
    expected = {"missing": InvalidRequest, "another's": InvalidGrant}.get(what, type(None))
    assert type(first) is expected
    before = len(await node.audit())
    with pytest.raises(InvalidClient):
        await node.revoke_as_client(token, assertion)
    assert len(await node.audit()) == before + 1
    replayed = ("client:robot", "revocation.refused", "client_assertion: used before")
    assert (await refusals(node))[-1] == replayed


@requirement("G-2", "R-11")
async def test_a_used_assertion_learns_nothing_at_the_token_endpoint(tmp_path, clock, store):
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    assertion = await robot_on(node)
    await node.issue(assertion)
    with pytest.raises(InvalidClient):
        await node.issue(assertion, scope="orders.no-such")
    replayed = ("client:robot", "token.refused", "client_assertion: used before")
    assert await refusals(node) == [replayed]


@requirement("G-2", "R-11")
async def test_a_refused_request_has_used_up_its_assertion(tmp_path, clock, store):
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    assertion = await robot_on(node)
    with pytest.raises(InvalidScope):
        await node.issue(assertion, scope="orders.no-such")
    with pytest.raises(InvalidClient):
        await node.issue(assertion)


@requirement("R-60")
async def test_the_refusal_of_a_suspended_client_is_recorded_at_revocation_too(tmp_path):
    node = await IssuingNode.started(tmp_path)
    token = (await node.issue()).access_token
    await node.put(client(suspended=True))
    node.facts.forget()
    with pytest.raises(InvalidClient):
        await node.revoke_as_client(token)
    suspended = ("client:shop", "revocation.refused", "the client is suspended")
    assert await refusals(node) == [suspended]


@requirement("G-4")
async def test_a_revocation_that_lost_to_a_change_authenticates_again(tmp_path):
    node = await IssuingNode.started(tmp_path)
    token = (await node.issue()).access_token
    await node.put(client(suspended=True))
    with pytest.raises(InvalidClient):
        await node.revoke_as_client(token)
    assert await node.records() == ()


@requirement("RFC 7009 §2.2", "G-8")
async def test_revoking_again_writes_nothing_at_all(tmp_path, clock, store):
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    token = (await node.issue()).access_token
    await asyncio.gather(*(node.revoke_as_client(token) for _ in range(20)))
    await node.revoke_as_client(token)
    assert len(await node.records()) == 1
    assert [entry.event for entry in await node.audit()].count("revoked") == 1


@requirement("G-8")
async def test_a_client_past_its_quota_revokes_all_its_tokens_with_one_number(tmp_path):
    node = await IssuingNode.started(tmp_path)
    await node.put(client("other"))
    other = PresentedSecret("other", "client_secret_basic", SECRET)
    tokens = [(await node.issue()).access_token for _ in range(TOKENS_REVOKED_PER_WINDOW + 20)]
    others = (await node.issue(other)).access_token
    for token in tokens[:TOKENS_REVOKED_PER_WINDOW]:
        await node.revoke_as_client(token)
    assert len(await node.records()) == TOKENS_REVOKED_PER_WINDOW
    rest = tokens[TOKENS_REVOKED_PER_WINDOW:]
    await asyncio.gather(*(node.revoke_as_client(token) for token in rest))
    (extra,) = (await node.records())[TOKENS_REVOKED_PER_WINDOW:]
    assert extra.selector == selector(ISSUER, SelectorKind.CLIENT, "shop")
    for token in rest:
        assert (await node.introspect(token))["active"] is False
    assert (await node.introspect(others))["active"] is True
    # Others have quotas of their own, and the next window brings new ones.
    await node.revoke_as_client(others, other)
    node.clock.advance(REVOCATION_WINDOW)
    await node.revoke_as_client((await node.issue()).access_token)
    jtis = [entry.detail["kind"] for entry in (await node.audit()) if entry.event == "revoked"]
    assert jtis[-3:] == ["client", "jti", "jti"]


@requirement("G-1", "R-32")
async def test_a_node_with_a_wrong_clock_issues_and_judges_nothing_but_revokes(
    tmp_path, clock, store
):
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    token = (await node.issue()).access_token
    await node.ticker.tick()
    clock.set_back(60)
    for _ in range(2):
        # Noticed at once, and still so after the next tick, which cannot be earlier than the last.
        with pytest.raises(ClockIsOff):
            await node.issue()
        with pytest.raises(ClockIsOff):
            await node.introspect(token)
        with pytest.raises(ClockIsOff):
            await node.rollover.take_due_steps()
        await node.ticker.tick()
    await node.revoke_as_client(token)
    await node.revoke("client", "shop")
    clock.set_back(-60)
    await node.ticker.tick()
    assert (await node.introspect(token))["active"] is False
    assert await node.issue()


@requirement("G-1")
async def test_a_node_with_a_wrong_clock_publishes_nothing(tmp_path):
    node = await FeedNode.started(tmp_path)
    await node.publisher.publish()
    await node.ticker.tick()
    before = node.publisher.head
    await node.revoke("a-token")
    node.clock.set_back(-60)
    with pytest.raises(ClockIsOff):
        await node.publisher.publish(beat=True)
    assert node.publisher.head == before
    node.clock.set_back(60)
    await node.publisher.publish(beat=True)
    assert node.publisher.head == before + 1


@requirement("G-1", "R-32")
async def test_introspection_keeps_a_revocation_after_the_clock_was_put_right(
    tmp_path, clock, store
):
    """The tick stays an hour ahead, and rows are purged by it."""
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    clock.set_back(-3600)
    await store.tick()
    clock.set_back(3600)
    await store.tick()
    token = (await node.issue()).access_token
    await node.revoke("client", "shop")
    await store.purge(limit=500)
    assert (await node.introspect(token))["active"] is False
