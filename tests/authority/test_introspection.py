"""Introspection: everything about a token to the service it is for, nothing to anybody else."""

import pytest

from support.issuing_node import IssuingNode
from support.requirement import requirement
from support.taking_part import ISSUER, ORDERS_URI, PAYMENTS_URI, SECRET, resource_server
from tokenry.jose import Algorithm, PrivateKey, attach, sign_compact
from tokenry.protocol.access_token import encode_claims
from tokenry.vocabulary.errors import InvalidClient, InvalidRequest
from tokenry.vocabulary.selectors import SelectorKind

INACTIVE = {"active": False}


@pytest.fixture(params=["jwt", "opaque"])
async def node(request, tmp_path):
    node = await IssuingNode.started(tmp_path)
    await node.put(
        resource_server(token_format=request.param),
        resource_server("payments", PAYMENTS_URI, token_format=request.param),
    )
    return node


@requirement("R-42", "RFC 7662 §2.2")
async def test_an_active_token_is_described_whole(node):
    token = (await node.issue()).access_token
    claims = (await node.tokens.read(token)).claims
    assert await node.introspect(token) == {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "sub": "shop",
        "aud": ORDERS_URI,
        "client_id": "shop",
        "scope": "orders.read",
        "iat": claims.iat,
        "exp": claims.exp,
        "jti": claims.jti,
        "grant": claims.grant,
        "rsn": claims.rsn,
    }


@requirement("RFC 7662 §2.2", "G-7")
async def test_a_token_for_somebody_else_is_just_inactive(node):
    token = (await node.issue()).access_token
    assert await node.introspect(token, "payments") == INACTIVE


@requirement("RFC 7662 §2.2")
async def test_a_token_is_inactive_from_its_last_second_on(node):
    token = (await node.issue()).access_token
    node.clock.advance(299)
    assert (await node.introspect(token))["active"]
    node.clock.advance(1)
    assert await node.introspect(token) == INACTIVE


@requirement("R-30", "RFC 7662 §2.2")
@pytest.mark.parametrize("kind", ["jti", "grant", "subject", "client", "audience", "issuer"])
async def test_a_token_is_inactive_once_revoked_by_any_of_its_ids(node, kind):
    token = (await node.issue()).access_token
    claims = (await node.tokens.read(token)).claims
    ids = {
        "jti": claims.jti,
        "grant": claims.grant,
        "subject": claims.sub,
        "client": claims.client_id,
        "audience": claims.aud,
        "issuer": claims.iss,
    }
    assert (await node.introspect(token))["active"]
    await node.revoke(kind, ids[kind])
    assert await node.introspect(token) == INACTIVE
    # A token that was born afterwards is not touched.
    if kind not in {"jti", "grant"}:
        assert (await node.introspect((await node.issue()).access_token))["active"]


@requirement("R-30")
@pytest.mark.parametrize("kind", ["jti", "grant", "session", "device", "client"])
async def test_a_token_stays_active_when_others_are_revoked(node, kind):
    token = (await node.issue()).access_token
    await node.revoke(kind, "somebody-else")
    assert (await node.introspect(token))["active"]


@requirement("RFC 7662 §2.2")
@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "tkr_" + "a" * 43, "eyJhbGciOiJub25lIn0.e30.", "x" * 20_000, "é", "\udc80"],
)
async def test_what_is_no_token_is_inactive(node, token):
    assert await node.introspect(token) == INACTIVE


@requirement("RFC 7662 §2.1")
@pytest.mark.parametrize(
    ("name", "secret"), [("orders", "wrong"), ("nobody", None), ("shop", SECRET)]
)
async def test_nobody_but_a_resource_server_is_answered(node, name, secret):
    token = (await node.issue()).access_token
    with pytest.raises(InvalidClient):
        await node.introspect(token, name, secret)


async def test_a_token_is_needed(node):
    with pytest.raises(InvalidRequest):
        await node.introspect(None)


@pytest.fixture
async def signing(tmp_path):
    return await IssuingNode.started(tmp_path)


@requirement("G-7", "RFC 8725 §3.11")
async def test_only_an_access_token_of_a_key_of_the_issuer_is_active(signing):
    token = (await signing.issue()).access_token
    payload = encode_claims((await signing.tokens.read(token)).claims)
    stranger = PrivateKey.generate(Algorithm.ES256)
    head, body, signature = token.split(".")
    slot = signing.ring.feed_header("at+jwt")
    feed_signed = slot.header + b"." + body.encode()
    for forged in [
        sign_compact(payload, key=stranger, typ="at+jwt"),
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body[:-4]}AAAA.{signature}",
        attach(feed_signed, await signing.signer.sign(slot.kid, feed_signed)),
    ]:
        assert await signing.introspect(forged) == INACTIVE
    assert (await signing.introspect(token))["active"]


@requirement("R-05", "G-5")
async def test_a_token_of_a_removed_key_is_inactive_though_its_signature_is_remembered(signing):
    token = (await signing.issue()).access_token
    assert (await signing.introspect(token))["active"]
    kid = signing.ring.token_header("ES256").kid
    await signing.revoke(SelectorKind.KEY, kid)
    await signing.ring.refresh()
    assert await signing.introspect(token) == INACTIVE
    assert (await signing.introspect((await signing.issue()).access_token))["active"]


@requirement("G-8")
async def test_what_is_remembered_of_tokens_is_bounded(signing, monkeypatch):
    monkeypatch.setattr("tokenry.authority.presented_token.MAX_REMEMBERED", 3)
    tokens = [(await signing.issue()).access_token for _ in range(5)]
    for token in tokens * 2:
        assert (await signing.introspect(token))["active"]
    assert len(signing.tokens._remembered) == 3


async def test_a_resource_server_of_a_moment_ago_is_not_refused_from_memory(signing):
    await signing.introspect("x")
    await signing.put(resource_server("late", "https://late.example"))
    assert await signing.introspect("x", "late") == INACTIVE


@requirement("G-1", "P-5")
async def test_what_was_found_good_is_looked_up_again_once_anything_is_revoked(node):
    token = (await node.issue()).access_token
    looked = []
    look = node.store.is_revoked

    async def watched(issuer, **what):
        looked.append(what)
        return await look(issuer, **what)

    node.store.is_revoked = watched
    for _ in range(3):
        assert (await node.introspect(token))["active"]
    assert len(looked) == 1
    await node.revoke("jti", "another")
    assert (await node.introspect(token))["active"]
    assert len(looked) == 2
    await node.revoke("grant", (await node.tokens.read(token)).claims.grant)
    for _ in range(2):
        assert await node.introspect(token) == INACTIVE


@requirement("G-1")
async def test_a_revocation_during_the_look_up_is_not_missed_afterwards(node):
    token = (await node.issue()).access_token
    claims = (await node.tokens.read(token)).claims
    look = node.store.is_revoked

    async def overtaken(issuer, **what):
        found = await look(issuer, **what)
        node.store.is_revoked = look
        await node.revoke("jti", claims.jti)
        return found

    node.store.is_revoked = overtaken
    assert (await node.introspect(token))["active"]
    assert await node.introspect(token) == INACTIVE
