"""What the public listener leaves in the record of those whom it refuses (R-60)."""

import pytest

from support.asgi import basic, post
from support.issuing_node import TRACE
from support.requirement import requirement
from support.taking_part import SECRET, client
from tokenry.authority.refusals import SAMPLE_OF_ALL_PER_MINUTE, SAMPLE_PER_MINUTE
from tokenry.vocabulary.errors import StoreUnavailable

WRONG = "tks_" + "w" * 43


async def refused(node):
    return [entry for entry in await node.audit() if entry.event.endswith(".refused")]


async def ask(app, path, *, secret=WRONG, peer="192.0.2.1", **fields):
    headers = [
        ("authorization", basic("shop", secret)),
        ("traceparent", f"00-{TRACE}-{'a' * 16}-01"),
    ]
    return await post(app, path, fields, headers=headers, peer=(peer, 5000))


@requirement("R-60")
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
async def test_a_refusal_before_authentication_is_recorded(app, node, path):
    answer = await ask(app, path, grant_type="client_credentials", token="x")
    assert answer.status == 401
    (entry,) = await refused(node)
    assert (entry.event, entry.actor, entry.trace) == ("request.refused", "anonymous", TRACE)
    assert entry.detail == {"endpoint": path[1:], "code": "invalid_client"}
    assert entry.because
    assert WRONG not in str(entry)
    assert "192.0.2" not in str(entry), "an address is a person's"


@requirement("R-60")
async def test_a_refusal_of_a_proven_client_is_recorded_once_and_in_its_name(app, node):
    await ask(app, "/token", secret=SECRET, grant_type="client_credentials", scope="no.such")
    await ask(app, "/revoke", secret=SECRET)
    await node.put(client(suspended=True))
    await node.observe()
    await ask(app, "/revoke", secret=SECRET, token="x")
    assert [(entry.event, entry.actor) for entry in await refused(node)] == [
        ("token.refused", "client:shop"),
        ("revocation.refused", "client:shop"),
        ("revocation.refused", "client:shop"),
    ]


@requirement("R-60")
async def test_a_malformed_request_is_recorded_where_clients_ask(app, node):
    headers = [("authorization", basic("shop", SECRET))]
    answer = await post(app, "/token", [("scope", "a"), ("scope", "b")], headers=headers)
    assert answer.status == 400
    (entry,) = await refused(node)
    assert (entry.actor, entry.detail["code"]) == ("anonymous", "invalid_request")


@requirement("R-60", "G-8")
async def test_one_network_cannot_use_up_the_sample_of_the_others(app, node):
    for n in range(SAMPLE_PER_MINUTE + 5):
        assert (await ask(app, "/token", peer=f"192.0.2.{n}")).status == 401
    assert len(await refused(node)) == SAMPLE_PER_MINUTE
    await ask(app, "/token", peer="198.51.100.1")
    last = (await refused(node))[-1]
    assert last.detail["left_out_before"] == 5
    for peer in ("2001:db8::1", "2001:db8:0:1::1"):
        for _ in range(SAMPLE_PER_MINUTE):
            await ask(app, "/token", peer=peer)
    assert len(await refused(node)) == 2 * SAMPLE_PER_MINUTE + 1, "a /48 is one network"
    node.clock.advance(60)
    await ask(app, "/token", peer="192.0.2.1")
    assert len(await refused(node)) == 2 * SAMPLE_PER_MINUTE + 2


@requirement("R-60", "G-8")
async def test_all_networks_together_have_a_bound(app, node):
    for n in range(SAMPLE_OF_ALL_PER_MINUTE + 5):
        await ask(app, "/token", peer=f"10.0.{n}.1")
    assert len(await refused(node)) == SAMPLE_OF_ALL_PER_MINUTE


@requirement("R-60", "G-4")
async def test_a_refusal_that_cannot_be_recorded_is_a_failure(app, node):
    async def broken(entries, **options):
        raise StoreUnavailable("disk")

    node.store.record = broken
    assert (await ask(app, "/token")).status == 503
