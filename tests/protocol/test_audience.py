"""A token's one audience: named, or plain from the scope, and never guessed."""

import pytest

from support.requirement import requirement
from support.taking_part import (
    ORDERS,
    ORDERS_URI,
    PAYMENTS,
    PAYMENTS_URI,
    client,
    directory_index,
    resource_server,
)
from tokenry.protocol.audience import choose_audience
from tokenry.protocol.registry import Scope
from tokenry.vocabulary.errors import InvalidScope, InvalidTarget

BOTH = client(access={"orders": ("orders.read",), "payments": ("payments.read",)})
DIRECTORY = directory_index(ORDERS, PAYMENTS)


def chosen(resources=(), scopes=(), who=BOTH, directory=DIRECTORY):
    return choose_audience(tuple(resources), tuple(scopes), client=who, directory=directory)


@requirement("R-02", "RFC 8707 §2")
def test_a_named_resource_is_the_audience():
    assert chosen([ORDERS_URI]) is ORDERS
    assert chosen([PAYMENTS_URI], ["payments.read"]) is PAYMENTS


@requirement("G-7")
def test_without_resource_the_scope_names_the_audience():
    assert chosen(scopes=["orders.read", "orders.write"]) is ORDERS


@requirement("R-02", "G-7", "RFC 8707 §2")
@pytest.mark.parametrize(
    "resources",
    [
        ["https://orders.example/"],
        ["https://orders.exampl"],
        ["HTTPS://orders.example"],
        ["https://orders.example#fragment"],
        ["https://orders.example?x"],
        ["orders"],
        ["//orders.example"],
        ["https:"],
        ["urn:unknown"],
        [" https://orders.example"],
        ["https://orders.example\n"],
        ["https://" + "a" * 5000],
        [ORDERS_URI, ORDERS_URI],
        [ORDERS_URI, PAYMENTS_URI],
    ],
)
def test_anything_but_one_declared_resource_is_an_invalid_target(resources):
    with pytest.raises(InvalidTarget):
        chosen(resources)


@requirement("G-7")
@pytest.mark.parametrize("scopes", [[], ["orders.read", "payments.read"]])
def test_a_scope_that_does_not_name_one_audience_is_an_invalid_target(scopes):
    with pytest.raises(InvalidTarget):
        chosen(scopes=scopes)


@requirement("G-7")
def test_a_scope_that_two_services_declare_does_not_depend_on_who_asks():
    shared = {"read": Scope()}
    directory = directory_index(
        resource_server("one", "https://one.example", shared),
        resource_server("two", "https://two.example", {**shared, "two.only": Scope()}),
    )
    only_one = client(access={"one": ("read",), "two": ("read", "two.only")})
    with pytest.raises(InvalidTarget):
        chosen(scopes=["read"], who=only_one, directory=directory)
    # Together with a scope that only one of them has, it is plain.
    found = chosen(scopes=["read", "two.only"], who=only_one, directory=directory)
    assert found.name == "two"


@requirement("RFC 6749 §5.2")
def test_a_scope_that_nobody_declares_is_an_invalid_scope():
    with pytest.raises(InvalidScope):
        chosen(scopes=["nobody.reads"])


@requirement("R-03", "RFC 8707 §2")
@pytest.mark.parametrize("access", [{}, {"payments": ("payments.read",)}, {"orders": ()}])
def test_a_client_without_access_cannot_name_the_resource(access):
    with pytest.raises(InvalidTarget):
        chosen([ORDERS_URI], ["orders.read"], who=client(access=access))
