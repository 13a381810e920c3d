"""Taking tokens back: by the client that holds one, and by an operator, by any kind."""

import asyncio

import pytest

from support.assertions import assertion_claims, jwks, signed
from support.issuing_node import OPERATOR, TRACE, IssuingNode
from support.requirement import requirement
from support.taking_part import ISSUER, SECRET, client, resource_server, secret
from tokenry.audit.entry import AuditEvent
from tokenry.authority.revocation import IdempotencyKeyReused
from tokenry.feed.record import NEVER, RecordType
from tokenry.jose import Algorithm, PrivateKey
from tokenry.protocol.client_assertion import read_assertion
from tokenry.protocol.client_auth import PresentedSecret
from tokenry.protocol.revocation import NOTES
from tokenry.vocabulary.errors import InvalidClient, InvalidGrant, InvalidRequest
from tokenry.vocabulary.selectors import SelectorKind, selector
from tokenry.vocabulary.sequence import FIRST_HEAD

KEY = PrivateKey.generate(Algorithm.ES256)
OTHER = PresentedSecret("other", "client_secret_basic", "tks_" + "o" * 43)


@pytest.fixture
async def node(tmp_path):
    node = await IssuingNode.started(tmp_path)
    await node.put(client("other", secrets=(secret(OTHER.secret),)))
    return node


@requirement("RFC 7009 §2.1", "G-1")
async def test_a_client_takes_its_token_back(node):
    token = (await node.issue()).access_token
    claims = node.verified(token)
    node.announced.clear()
    await node.revoke_as_client(token)
    [record] = await node.records()
    assert record.type is RecordType.SELECTOR
    assert record.selector == selector(ISSUER, SelectorKind.JTI, claims.jti)
    assert record.before == record.seq == FIRST_HEAD + 1
    assert record.expires > claims.exp
    assert node.announced == [ISSUER]
    entry = (await node.audit())[-1]
    assert (entry.event, entry.actor, entry.trace) == (AuditEvent.REVOKED, "client:shop", TRACE)
    assert entry.detail == {"kind": "jti", "id": claims.jti, "selector": record.selector.hex()}


@requirement("RFC 7009 §2.2")
async def test_a_repeat_takes_no_new_number(node):
    token = (await node.issue()).access_token
    for _ in range(3):
        await node.revoke_as_client(token)
    assert len(await node.records()) == 1


@requirement("RFC 7009 §2.2")
@pytest.mark.parametrize("token", ["x", "a.b.c", "tkr_" + "a" * 43, "x" * 20_000])
async def test_a_token_that_nobody_knows_is_no_error(node, token):
    await node.revoke_as_client(token)
    assert await node.records() == ()


async def test_an_expired_token_needs_no_record(node):
    token = (await node.issue()).access_token
    node.clock.advance(300 + 5 + 2)
    await node.revoke_as_client(token)
    assert await node.records() == ()


@requirement("RFC 7009 §2.1")
async def test_another_clients_token_is_refused_and_recorded(node):
    token = (await node.issue()).access_token
    with pytest.raises(InvalidGrant):
        await node.revoke_as_client(token, OTHER)
    assert await node.records() == ()
    entry = (await node.audit())[-1]
    assert (entry.event, entry.actor) == (AuditEvent.REVOCATION_REFUSED, "client:other")


@requirement("RFC 7009 §2.2.1")
async def test_a_token_is_needed(node):
    with pytest.raises(InvalidRequest):
        await node.revoke_as_client(None)


@requirement("RFC 7009 §2.1")
@pytest.mark.parametrize(
    "presented",
    [
        PresentedSecret("shop", "client_secret_basic", "tks_wrong"),
        PresentedSecret("nobody", "client_secret_basic", SECRET),
    ],
)
async def test_nobody_else_may_revoke(node, presented):
    token = (await node.issue()).access_token
    with pytest.raises(InvalidClient):
        await node.revoke_as_client(token, presented)
    assert await node.records() == ()


@requirement("G-2", "R-11")
async def test_an_assertion_revokes_once(node):
    await node.put(client("robot", auth="private_key_jwt", secrets=(), jwks=jwks(KEY)))

    def presented(jti):
        claims = assertion_claims(now=node.clock.now(), client_id="robot", jti=jti)
        return read_assertion(signed(KEY, claims))

    tokens = [(await node.issue(presented(f"i{n}"))).access_token for n in range(20)]
    results = await asyncio.gather(
        *(node.revoke_as_client(token, presented("one")) for token in tokens),
        return_exceptions=True,
    )
    assert results.count(None) == 1
    assert [type(each) for each in results].count(InvalidClient) == 19
    assert len(await node.records()) == 1
    # Nor does one that issued a token revoke it.
    with pytest.raises(InvalidClient):
        await node.revoke_as_client(tokens[1], presented("i1"))


@requirement("R-30")
@pytest.mark.parametrize("kind", [kind for kind in SelectorKind if kind is not SelectorKind.KEY])
async def test_an_operator_revokes_by_any_kind(node, kind):
    id_ = ISSUER if kind is SelectorKind.ISSUER else "an-id"
    report = await node.revoke(kind, id_)
    [record] = await node.records()
    assert report.kind is kind
    assert report.numbers == (record.seq,)
    assert report.fresh
    assert report.selector == record.selector == selector(ISSUER, kind, id_)
    assert report.note == NOTES[kind]
    assert record.expires > node.clock.now() // 1000 + 300 + 5
    entry = (await node.audit())[-1]
    assert (entry.actor, entry.detail["kind"], entry.detail["id"]) == (OPERATOR, kind, id_)


@requirement("R-30")
@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("jti", 1), ("grant", 1), ("session", 2), ("subject", 2), ("client", 2), ("device", 2)],
)
async def test_a_repeat_counts_only_where_new_tokens_may_have_come(node, kind, numbers):
    first = await node.revoke(kind, "an-id")
    again = await node.revoke(kind, "an-id")
    assert len(await node.records()) == numbers
    assert again.fresh is (numbers == 2)
    assert (again.numbers == first.numbers) is (numbers == 1)


@requirement("R-30")
async def test_one_idempotency_key_gives_one_record(node):
    first = await node.revoke("client", "shop", idempotency_key="a-key")
    again = await node.revoke("client", "shop", idempotency_key="a-key")
    assert again.numbers == first.numbers
    assert len(await node.records()) == 1
    await node.revoke("client", "shop", idempotency_key="another-key")
    assert len(await node.records()) == 2


async def test_an_idempotency_key_is_for_one_request(node):
    await node.revoke("client", "shop", idempotency_key="a-key")
    for kind, id_ in [("client", "other"), ("subject", "shop")]:
        with pytest.raises(IdempotencyKeyReused):
            await node.revoke(kind, id_, idempotency_key="a-key")
    assert len(await node.records()) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\nb"])
async def test_a_malformed_idempotency_key_is_refused(node, key):
    with pytest.raises(InvalidRequest):
        await node.revoke("client", "shop", idempotency_key=key)


async def test_an_operator_revokes_a_token_at_hand(node):
    token = (await node.issue()).access_token
    report = await node.revocations.revoke_token(token, actor=OPERATOR, trace=TRACE)
    assert report.kind is SelectorKind.JTI
    assert report.selector == selector(ISSUER, SelectorKind.JTI, node.verified(token).jti)
    with pytest.raises(InvalidRequest):
        await node.revocations.revoke_token("x", actor=OPERATOR, trace=TRACE)


@requirement("G-1", "R-05")
async def test_a_stolen_key_is_dropped_for_good_and_replaced_in_one_step(node):
    stolen = node.ring.token_header("ES256").kid
    report = await node.revoke(SelectorKind.KEY, stolen)
    [record] = await node.records()
    assert record.type is RecordType.KEY
    assert record.expires == NEVER
    assert record.selector == report.selector == selector(ISSUER, SelectorKind.KEY, stolen)
    await node.ring.refresh()
    assert node.ring.public_key(stolen) is None
    assert node.ring.token_header("ES256").kid != stolen
    events = [entry.event for entry in await node.audit()]
    assert {AuditEvent.REVOKED, AuditEvent.KEY_CHANGED, AuditEvent.KEY_CREATED} <= set(events)
    again = await node.revoke(SelectorKind.KEY, stolen)
    assert not again.fresh
    assert again.numbers == report.numbers


async def test_a_key_that_never_was_is_refused(node):
    with pytest.raises(InvalidRequest):
        await node.revoke(SelectorKind.KEY, "no-such-key")


@requirement("G-1", "R-04")
async def test_a_record_outlives_tokens_of_a_lifetime_raised_on_another_node(node):
    await node.facts.directory()
    await node.put(resource_server(lifetime=3600))
    await node.revoke("client", "shop")
    [record] = await node.records()
    assert record.expires > node.clock.now() // 1000 + 3600
