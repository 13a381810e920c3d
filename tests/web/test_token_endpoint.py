"""POST /token, byte for byte as clients see it."""

import asyncio

import pytest

from support.asgi import basic, post, request
from support.assertions import assertion_claims, jwks, signed
from support.requirement import requirement
from support.taking_part import ORDERS_URI, PAYMENTS_URI, SECRET, client
from tokenry.audit.entry import AuditEvent
from tokenry.jose import Algorithm, PrivateKey
from tokenry.vocabulary.bounds import MAX_BODY_BYTES, MAX_PARAMETERS
from tokenry.vocabulary.claims import JWT_BEARER_ASSERTION

ASK = {"grant_type": "client_credentials", "scope": "orders.read"}
KEY = PrivateKey.generate(Algorithm.ES256)


@requirement("RFC 6749 §5.1")
async def test_a_token_answer_is_whole_and_not_cached(app, node, shop):
    answer = await post(app, "/token", ASK, authorization=shop)
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("pragma") == "no-cache"
    assert answer.header("content-length") == str(len(answer.body))
    body = answer.json
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    assert node.verified(body["access_token"]).scope == "orders.read"


@requirement("RFC 6749 §2.3.1")
async def test_a_secret_may_come_in_the_form(app, node):
    await node.put(client("poster", auth="client_secret_post"))
    form = ASK | {"client_id": "poster", "client_secret": SECRET}
    assert (await post(app, "/token", form)).status == 200


@requirement("RFC 6749 §3.2", "RFC 8707 §2")
@pytest.mark.parametrize(
    "form",
    [
        ASK | {"unknown": "is ignored"},
        ASK | {"scope": "", "resource": ORDERS_URI},
        ASK | {"resource": ORDERS_URI},
        [("grant_type", "client_credentials"), ("resource", ""), ("resource", ORDERS_URI)],
        ASK | {"client_id": "shop"},
    ],
)
async def test_what_says_nothing_or_nothing_new_is_accepted(app, shop, form):
    assert (await post(app, "/token", form, authorization=shop)).status == 200


@requirement("RFC 6749 §5.2", "RFC 8707 §2", "R-41")
@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials\r\n"}, 400, "invalid_request"),
        (ASK | {"scope": "nobody.reads"}, 400, "invalid_scope"),
        (ASK | {"scope": "orders.read  orders.write"}, 400, "invalid_scope"),
        (ASK | {"scope": 'orders.read"'}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials"}, 400, "invalid_target"),
        (ASK | {"resource": ORDERS_URI + "/"}, 400, "invalid_target"),
        (ASK | {"resource": ORDERS_URI + "#f"}, 400, "invalid_target"),
        (ASK | {"resource": "orders"}, 400, "invalid_target"),
        (ASK | {"resource": PAYMENTS_URI}, 400, "invalid_target"),
        (
            [*ASK.items(), ("resource", ORDERS_URI), ("resource", PAYMENTS_URI)],
            400,
            "invalid_target",
        ),
        ([*ASK.items(), ("scope", "orders.read")], 400, "invalid_request"),
        ([*ASK.items(), ("x", "1"), ("x", "1")], 400, "invalid_request"),
        (b"grant_type=client_credentials&scope=%zz", 400, "invalid_request"),
        (b"grant_type=client_credentials&scope=%00", 400, "invalid_request"),
        (b"\xff\xfe", 400, "invalid_request"),
        (b"&" * MAX_PARAMETERS, 400, "invalid_request"),
        (b"a=" + b"x" * MAX_BODY_BYTES, 413, "invalid_request"),
        (ASK | {"client_id": "another"}, 400, "invalid_request"),
        (ASK | {"client_secret": SECRET}, 400, "invalid_request"),
        (ASK | {"client_assertion": "a.b.c"}, 400, "invalid_request"),
    ],
)
async def test_a_wrong_request_gets_its_error(app, shop, form, status, code):
    answer = await post(app, "/token", form, authorization=shop)
    assert (answer.status, answer.json["error"]) == (status, code)
    assert answer.json.keys() == {"error", "error_description"}
    assert answer.header("cache-control") == "no-store"
    assert answer.header("www-authenticate") is None


@requirement("RFC 6749 §5.2")
@pytest.mark.parametrize(
    ("authorization", "form"),
    [
        (None, ASK),
        (None, ASK | {"client_id": "shop"}),
        (None, ASK | {"client_id": "shop", "client_secret": SECRET}),
        (None, ASK | {"client_id": "nobody", "client_secret": SECRET}),
        (None, ASK | {"client_assertion": "a.b.c", "client_assertion_type": "urn:other"}),
        (None, ASK | {"client_assertion": "x", "client_assertion_type": JWT_BEARER_ASSERTION}),
        (basic("shop", "wrong"), ASK),
        (basic("nobody", SECRET), ASK),
        ("Bearer abc", ASK),
        ("Basic %%%", ASK),
        ("Basic", ASK),
        ("Negotiate x", ASK),
    ],
)
async def test_whoever_is_not_proven_gets_401_and_a_challenge(app, authorization, form):
    answer = await post(app, "/token", form, authorization=authorization)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    assert answer.json["error_description"] == "Client authentication failed."
    assert answer.header("www-authenticate").startswith("Basic realm=")


@requirement("RFC 6749 §3.2")
@pytest.mark.parametrize("content_type", [None, "application/json", "multipart/form-data"])
async def test_only_a_form_is_read(app, shop, content_type):
    headers = [("authorization", shop)]
    if content_type:
        headers.append(("content-type", content_type))
    answer = await request(
        app, "POST", "/token", body=b"grant_type=client_credentials", headers=headers
    )
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@requirement("G-7")
@pytest.mark.parametrize("name", ["authorization", "content-type"])
async def test_a_repeated_header_field_that_matters_is_refused(app, shop, name):
    value = {"authorization": shop, "content-type": "application/x-www-form-urlencoded"}[name]
    answer = await post(app, "/token", ASK, authorization=shop, headers=[(name, value)])
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@requirement("G-8")
async def test_a_large_body_is_refused_unread(app, shop):
    headers = [("content-length", str(MAX_BODY_BYTES + 1))]
    answer = await post(app, "/token", b"", authorization=shop, headers=headers)
    assert answer.status == 413


async def test_nobody_is_answered_who_has_left(app, shop):
    answer = await request(
        app,
        "POST",
        "/token",
        headers=[("content-type", "application/x-www-form-urlencoded"), ("authorization", shop)],
        chunks=[],
    )
    assert answer is None


@requirement("R-60")
async def test_a_caller_may_bring_its_trace_id(app, node, shop):
    carried = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = [("traceparent", f"00-{carried}-00f067aa0ba902b7-01")]
    await post(app, "/token", ASK, authorization=shop, headers=headers)
    await post(app, "/token", ASK, authorization=shop, headers=[("traceparent", "nonsense")])
    first, second = [e for e in await node.audit() if e.event is AuditEvent.TOKEN_ISSUED]
    assert first.trace == carried
    assert second.trace != carried
    assert len(second.trace) == 32


@requirement("G-2", "R-11", "RFC 7523 §3")
async def test_of_twenty_requests_with_one_assertion_exactly_one_gets_a_token(app, node):
    await node.put(client("robot", auth="private_key_jwt", secrets=(), jwks=jwks(KEY)))
    form = ASK | {
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": signed(KEY, assertion_claims(now=node.clock.now(), client_id="robot")),
    }
    answers = await asyncio.gather(*(post(app, "/token", form) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 19
    assert {each.json.get("error") for each in answers} == {None, "invalid_client"}
