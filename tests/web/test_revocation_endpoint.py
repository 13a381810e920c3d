"""POST /revoke and POST /introspect, as their RFCs have them."""

import pytest

from support.asgi import basic, post
from support.requirement import requirement
from support.taking_part import SECRET, SERVER_SECRET, client, secret

OTHER_SECRET = "tks_" + "o" * 43


@pytest.fixture
async def token(node):
    return (await node.issue()).access_token


@requirement("RFC 7009 §2.2", "RFC 7662 §2.2")
async def test_a_revoked_token_is_inactive(app, token, shop, orders_server):
    described = await post(app, "/introspect", {"token": token}, authorization=orders_server)
    assert described.status == 200
    assert described.json["active"]
    assert described.header("cache-control") == "no-store"
    revoked = await post(app, "/revoke", {"token": token}, authorization=shop)
    assert (revoked.status, revoked.body) == (200, b"")
    again = await post(app, "/introspect", {"token": token}, authorization=orders_server)
    assert (again.status, again.body) == (200, b'{"active":false}')


@requirement("RFC 7009 §2.1")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "something_else"])
async def test_a_hint_changes_nothing(app, node, token, shop, hint):
    form = {"token": token, "token_type_hint": hint}
    assert (await post(app, "/revoke", form, authorization=shop)).status == 200
    assert len(await node.records()) == 1


@requirement("RFC 7009 §2.2")
async def test_an_unknown_token_is_revoked_already(app, shop):
    assert (await post(app, "/revoke", {"token": "x"}, authorization=shop)).status == 200


@requirement("RFC 7009 §2.1", "RFC 7009 §2.2.1")
async def test_errors_of_revocation_are_those_of_the_token_endpoint(app, node, token, shop):
    await node.put(client("other", secrets=(secret(OTHER_SECRET),)))
    for form, authorization, status, code in [
        ({}, shop, 400, "invalid_request"),
        ({"token": ""}, shop, 400, "invalid_request"),
        ([("token", token), ("token", token)], shop, 400, "invalid_request"),
        ({"token": token}, None, 401, "invalid_client"),
        ({"token": token}, basic("shop", "wrong"), 401, "invalid_client"),
        ({"token": token}, basic("other", OTHER_SECRET), 400, "invalid_grant"),
    ]:
        answer = await post(app, "/revoke", form, authorization=authorization)
        assert (answer.status, answer.json["error"]) == (status, code)
    assert await node.records() == ()


@requirement("RFC 7662 §2.1", "RFC 7662 §2.3")
async def test_introspection_is_for_resource_servers(app, token, shop, orders_server):
    for form, authorization, status, code in [
        ({"token": token}, None, 401, "invalid_client"),
        ({"token": token}, shop, 401, "invalid_client"),
        ({"token": token}, basic("orders", SECRET), 401, "invalid_client"),
        ({"token": token}, basic("nobody", SERVER_SECRET), 401, "invalid_client"),
        ({"token": token}, "Bearer " + token, 401, "invalid_client"),
        ({}, orders_server, 400, "invalid_request"),
    ]:
        answer = await post(app, "/introspect", form, authorization=authorization)
        assert (answer.status, answer.json["error"]) == (status, code)
        assert (answer.header("www-authenticate") is not None) == (status == 401)
