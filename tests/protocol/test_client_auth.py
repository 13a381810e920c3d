"""One method per request, the one registered, and one answer to whoever is not it."""

import pytest

from support.requirement import requirement
from support.taking_part import ISSUER, ORDERS, SECRET, SERVER_SECRET, client, secret
from tokenry.protocol.client_auth import (
    BasicCredentials,
    PresentedSecret,
    authenticate_client,
    authenticate_resource_server,
    present_client,
    require_standing,
    secret_is_current,
)
from tokenry.vocabulary.claims import JWT_BEARER_ASSERTION
from tokenry.vocabulary.errors import InvalidClient, InvalidRequest

NOW = 1_000_000
BASIC = BasicCredentials("shop", SECRET)
OTHER = "tks_" + "o" * 43


def authenticated(presented, registered, now=NOW):
    return authenticate_client(presented, registered, issuer=ISSUER, now=now)


def presented_secret(value=SECRET, method="client_secret_basic", client_id="shop"):
    return PresentedSecret(client_id, method, value)


@requirement("RFC 6749 §2.3.1")
def test_a_secret_comes_by_header_or_by_form():
    assert present_client(BASIC, {}) == presented_secret()
    assert present_client(BASIC, {"client_id": "shop"}) == presented_secret()
    form = {"client_id": "shop", "client_secret": SECRET}
    assert present_client(None, form) == presented_secret(method="client_secret_post")


@requirement("RFC 6749 §2.3", "RFC 6749 §5.2")
@pytest.mark.parametrize(
    ("basic", "form"),
    [
        (BASIC, {"client_secret": SECRET}),
        (BASIC, {"client_id": "shop", "client_secret": SECRET}),
        (BASIC, {"client_assertion": "a.b.c"}),
        (None, {"client_id": "shop", "client_secret": "x", "client_assertion": "a.b.c"}),
        (None, {"client_secret": "x", "client_assertion_type": JWT_BEARER_ASSERTION}),
        (BASIC, {"client_id": "another"}),
        (None, {"client_secret": SECRET}),
        (None, {"client_assertion": "a.b.c"}),
        (None, {"client_assertion_type": JWT_BEARER_ASSERTION}),
    ],
)
def test_anything_but_one_whole_method_is_an_invalid_request(basic, form):
    with pytest.raises(InvalidRequest):
        present_client(basic, form)


@requirement("RFC 6749 §5.2")
@pytest.mark.parametrize(
    ("basic", "form"),
    [
        (None, {}),
        (None, {"client_id": "shop"}),
        (None, {"client_assertion_type": "urn:other", "client_assertion": "a.b.c"}),
        (None, {"client_assertion_type": JWT_BEARER_ASSERTION, "client_assertion": "a.b.c"}),
        (BasicCredentials("x" * 513, SECRET), {}),
    ],
)
def test_no_method_of_ours_is_an_invalid_client(basic, form):
    with pytest.raises(InvalidClient):
        present_client(basic, form)


@requirement("R-01")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_that_knows_its_secret_is_authenticated(method):
    registered = client(auth=method)
    proven = authenticated(presented_secret(method=method), registered)
    assert proven.client is registered
    assert proven.assertion is None


@requirement("RFC 6749 §5.2", "G-7")
@pytest.mark.parametrize(
    ("presented", "registered"),
    [
        (presented_secret(), None),
        (presented_secret(OTHER), client()),
        (presented_secret(""), client()),
        (presented_secret(SECRET + " "), client()),
        (presented_secret(), client(secrets=())),
        (presented_secret(), client(auth="client_secret_post")),
        (presented_secret(method="client_secret_post"), client()),
        (presented_secret(), client(auth="private_key_jwt")),
        (presented_secret(), client(secrets=(secret(expires_at=NOW),))),
    ],
)
def test_everybody_else_gets_the_same_answer(presented, registered):
    with pytest.raises(InvalidClient) as refused:
        authenticated(presented, registered)
    assert refused.value.description == InvalidClient.default_description


def test_two_secrets_overlap_until_the_old_one_ends():
    rotating = client(secrets=(secret(SECRET, expires_at=NOW + 1), secret(OTHER)))
    for value in (SECRET, OTHER):
        assert authenticated(presented_secret(value), rotating)
    assert authenticated(presented_secret(OTHER), rotating, now=NOW + 1)
    with pytest.raises(InvalidClient):
        authenticated(presented_secret(SECRET), rotating, now=NOW + 1)


def test_no_secret_is_the_one_that_stands_in_for_none():
    assert not secret_is_current("", (), now=-1)
    assert not secret_is_current("\0" * 32, (), now=-1)


def test_a_suspended_client_is_refused_whatever_it_has_proven():
    require_standing(client())
    with pytest.raises(InvalidClient):
        require_standing(client(suspended=True))


def test_a_resource_server_proves_itself_by_its_secret():
    presented = BasicCredentials("orders", SERVER_SECRET)
    assert authenticate_resource_server(presented, ORDERS, now=NOW) is ORDERS


@pytest.mark.parametrize(
    ("presented", "server"),
    [
        (None, None),
        (None, ORDERS),
        (BasicCredentials("nobody", SERVER_SECRET), None),
        (BasicCredentials("orders", SECRET), ORDERS),
    ],
)
def test_nobody_else_is_a_resource_server(presented, server):
    with pytest.raises(InvalidClient):
        authenticate_resource_server(presented, server, now=NOW)
