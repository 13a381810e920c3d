"""Issuing: what is granted, what is committed with it, and what a lost race leads to."""

import asyncio
import os

import msgspec
import pytest

from support.assertions import assertion_claims, jwks, signed
from support.issuing_node import TRACE, IssuingNode
from support.manual_clock import START, ManualClock
from support.requirement import requirement
from support.taking_part import (
    ISSUER,
    ORDERS_URI,
    PAYMENTS_URI,
    SECRET,
    client,
    resource_server,
    secret,
)
from tokenry.audit.entry import AuditEvent
from tokenry.authority.token import ATTEMPTS
from tokenry.jose import Algorithm, PrivateKey
from tokenry.ports.plans import ChangePlan, FactsMoved
from tokenry.protocol.client_assertion import read_assertion
from tokenry.protocol.client_auth import PresentedSecret
from tokenry.protocol.registry import Scope
from tokenry.stores.memory import MemoryStore
from tokenry.stores.sqlite import open_sqlite_store
from tokenry.vocabulary.errors import (
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    Overloaded,
    SignerUnavailable,
    StoreUnavailable,
    UnsupportedGrantType,
)
from tokenry.vocabulary.sequence import FIRST_HEAD

KEY = PrivateKey.generate(Algorithm.ES256)


@pytest.fixture
async def node(tmp_path):
    return await IssuingNode.started(tmp_path)


@requirement("R-01", "RFC 9068 §2.2")
async def test_a_token_names_everything_a_verifier_needs(node):
    answer = await node.issue()
    claims = node.verified(answer.access_token)
    assert (answer.token_type, answer.expires_in, answer.scope) == ("Bearer", 300, "orders.read")
    assert (claims.iss, claims.sub, claims.aud) == (ISSUER, "shop", ORDERS_URI)
    assert (claims.client_id, claims.scope) == ("shop", "orders.read")
    assert claims.iat == node.clock.now() // 1000
    assert claims.exp == claims.iat + 300
    assert claims.rsn == FIRST_HEAD
    assert len(claims.jti) == len(claims.grant) == 22
    assert claims.jti != claims.grant


async def test_no_two_tokens_share_an_id(node):
    issued = [node.verified((await node.issue()).access_token) for _ in range(20)]
    assert len({each.jti for each in issued} | {each.grant for each in issued}) == 40


@requirement("R-60", "G-4")
async def test_each_token_leaves_one_entry_without_the_token_in_it(node):
    answer = await node.issue()
    claims = node.verified(answer.access_token)
    [entry] = [e for e in await node.audit() if e.event is AuditEvent.TOKEN_ISSUED]
    assert (entry.actor, entry.trace, entry.at) == ("client:shop", TRACE, node.clock.now())
    assert entry.detail["jti"] == claims.jti
    assert entry.detail["rsn"] == claims.rsn
    assert answer.access_token.split(".")[2] not in msgspec.json.encode(entry).decode()


@requirement("R-04")
async def test_the_shortest_lifetime_wins(node):
    await node.put(
        resource_server(scopes={"orders.read": Scope(), "orders.write": Scope(lifetime=30)})
    )
    assert (await node.issue(scope="orders.read")).expires_in == 300
    assert (await node.issue(scope="orders.read orders.write")).expires_in == 30


@requirement("R-02", "RFC 8707 §2")
async def test_a_resource_without_scope_gives_what_is_registered_there(node):
    answer = await node.issue(scope=None, resources=[ORDERS_URI])
    assert answer.scope == "orders.read orders.write"


@requirement("R-01")
@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "RS256"])
async def test_tokens_are_signed_as_the_resource_server_wants(node, algorithm):
    await node.put(resource_server(algorithm=algorithm))
    await node.rollover.ensure()
    assert node.verified((await node.issue()).access_token).aud == ORDERS_URI


@requirement("R-01")
async def test_an_opaque_token_says_nothing_and_is_stored_by_its_digest(node):
    await node.put(resource_server(token_format="opaque"))
    answer = await node.issue()
    assert answer.access_token.startswith("tkr_")
    claims = (await node.tokens.read(answer.access_token)).claims
    assert (claims.aud, claims.scope, claims.rsn) == (ORDERS_URI, "orders.read", FIRST_HEAD)


@requirement("R-41", "RFC 6749 §5.2", "RFC 8707 §2")
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"grant_type": None}, InvalidRequest),
        ({"grant_type": "password"}, UnsupportedGrantType),
        ({"grant_type": "authorization_code"}, UnsupportedGrantType),
        ({"scope": "orders.read nobody.reads"}, InvalidScope),
        ({"scope": "a  b"}, InvalidScope),
        ({"scope": None}, InvalidTarget),
        ({"resources": ["https://nobody.example"]}, InvalidTarget),
        ({"resources": [ORDERS_URI, ORDERS_URI]}, InvalidTarget),
        ({"scope": "payments.read"}, InvalidTarget),
        ({"resources": [PAYMENTS_URI]}, InvalidTarget),
        ({"resources": [ORDERS_URI], "scope": "payments.read"}, InvalidScope),
    ],
)
async def test_a_refusal_of_a_proven_client_is_recorded_with_its_reason(node, asked, error):
    with pytest.raises(error) as refused:
        await node.issue(**asked)
    [entry] = [e for e in await node.audit() if e.event is AuditEvent.TOKEN_REFUSED]
    assert entry.actor == "client:shop"
    assert entry.because == refused.value.because
    assert entry.detail["code"] == error.code


@requirement("R-60")
@pytest.mark.parametrize(
    "presented",
    [
        PresentedSecret("shop", "client_secret_basic", "tks_wrong"),
        PresentedSecret("nobody", "client_secret_basic", SECRET),
        PresentedSecret("shop", "client_secret_post", SECRET),
    ],
)
async def test_a_refusal_of_anybody_else_is_not(node, presented):
    before = await node.audit()
    with pytest.raises(InvalidClient):
        await node.issue(presented)
    assert await node.audit() == before


async def test_a_suspended_client_gets_nothing(node):
    await node.put(client(suspended=True))
    with pytest.raises(InvalidClient):
        await node.issue()
    assert (await node.audit())[-1].because == "the client is suspended"


@requirement("G-1")
async def test_a_changed_directory_is_noticed_though_no_page_told_of_it(node):
    await node.issue()
    await node.put(client(access={"orders": ("orders.read",)}))
    with pytest.raises(InvalidScope):
        await node.issue(scope="orders.write")
    await node.put(client(suspended=True))
    with pytest.raises(InvalidClient):
        await node.issue()


async def test_nobody_is_refused_from_memory(node):
    await node.issue()
    new = "tks_" + "n" * 43
    await node.put(client(secrets=(secret(new),)))
    assert await node.issue(PresentedSecret("shop", "client_secret_basic", new))
    late = client("latecomer", secrets=(secret(new),))
    presented = PresentedSecret("latecomer", "client_secret_basic", new)
    with pytest.raises(InvalidClient):
        await node.issue(presented)
    await node.put(late)
    assert await node.issue(presented)


@requirement("G-1")
@pytest.mark.parametrize(
    ("kind", "id_"),
    [("client", "shop"), ("subject", "shop"), ("audience", ORDERS_URI), ("issuer", ISSUER)],
)
async def test_after_a_revocation_tokens_are_born_above_it(node, kind, id_):
    before = node.verified((await node.issue()).access_token)
    report = await node.revoke(kind, id_)
    # The node has not seen the record's page yet: the transaction alone tells it.
    after = node.verified((await node.issue()).access_token)
    assert before.rsn < report.numbers[0] <= after.rsn


@requirement("G-1")
async def test_time_is_fixed_before_the_facts_are_read(node):
    read = node.store.find_client
    began = node.clock.now()

    async def slowly(*arguments):
        node.clock.advance(3600)
        return await read(*arguments)

    node.facts.forget()
    node.store.find_client = slowly
    claims = node.verified((await node.issue()).access_token)
    assert claims.iat == began // 1000
    assert claims.exp == claims.iat + 300


class Overtaken:
    """A store in which something always comes between the decision and the commit."""

    def __init__(self, store, times):
        self._store = store
        self._times = times
        self.attempts = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def issue(self, plan):
        self.attempts += 1
        if self.attempts <= self._times:
            await self._store.change(
                ChangePlan(issuer=ISSUER, asked_at=START, changes=(), audit=())
            )
            return FactsMoved()
        return await self._store.issue(plan)


@requirement("G-1", "G-8")
async def test_a_lost_race_is_decided_again_and_not_for_ever(node):
    overtaken = Overtaken(node.store, ATTEMPTS - 1)
    node.issuance._store = overtaken
    assert await node.issue()
    assert overtaken.attempts == ATTEMPTS
    node.issuance._store = Overtaken(node.store, ATTEMPTS)
    with pytest.raises(Overloaded):
        await node.issue()


@requirement("G-8")
async def test_an_overloaded_store_is_asked_for_nothing(node):
    def full():
        raise Overloaded("commit queue")

    node.store.admit = full
    node.store.find_client = node.store.issue = None
    node.facts.forget()
    with pytest.raises(Overloaded):
        await node.issue()


@requirement("G-4")
async def test_without_a_key_nothing_is_committed(node):
    await node.put(resource_server(algorithm="RS256"))
    before = await node.audit()
    with pytest.raises(SignerUnavailable):
        await node.issue()
    assert await node.audit() == before


@requirement("G-4")
async def test_a_refusal_that_cannot_be_recorded_is_a_failure(node):
    async def broken(entries, **options):
        raise StoreUnavailable("disk")

    node.store.record = broken
    with pytest.raises(StoreUnavailable):
        await node.issue(scope="nobody.reads")


def presented_assertion(node, **changes):
    claims = assertion_claims(now=node.clock.now(), client_id="robot", **changes)
    return read_assertion(signed(KEY, claims))


@pytest.fixture
async def robot(node):
    await node.put(client("robot", auth="private_key_jwt", secrets=(), jwks=jwks(KEY)))
    return node


@pytest.fixture(params=["memory", "sqlite"])
async def racing(request, tmp_path):
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    if request.param == "sqlite":
        store = open_sqlite_store(tmp_path / "data", clock=clock, entropy=os.urandom)
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    await node.put(client("robot", auth="private_key_jwt", secrets=(), jwks=jwks(KEY)))
    yield node
    await store.close()


@requirement("G-2", "R-11", "RFC 7523 §3")
async def test_of_twenty_presentations_of_one_assertion_exactly_one_wins(racing):
    presented = presented_assertion(racing)
    results = await asyncio.gather(
        *(racing.issue(presented) for _ in range(20)), return_exceptions=True
    )
    assert len([each for each in results if not isinstance(each, Exception)]) == 1
    assert [type(each) for each in results].count(InvalidClient) == 19
    events = [entry.event for entry in await racing.audit()]
    assert events.count(AuditEvent.TOKEN_ISSUED) == 1
    assert events.count(AuditEvent.TOKEN_REFUSED) == 19


@requirement("G-2")
async def test_a_lost_race_does_not_use_an_assertion_up(robot):
    robot.issuance._store = Overtaken(robot.store, 2)
    assert await robot.issue(presented_assertion(robot))


@requirement("R-11")
async def test_each_client_has_its_own_ids_for_assertions(robot):
    other_key = PrivateKey.generate(Algorithm.ED25519)
    await robot.put(client("other", auth="private_key_jwt", secrets=(), jwks=jwks(other_key)))
    assert await robot.issue(presented_assertion(robot))
    claims = assertion_claims(now=robot.clock.now(), client_id="other")
    assert await robot.issue(read_assertion(signed(other_key, claims)))
