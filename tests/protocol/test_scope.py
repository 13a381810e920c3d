"""Scopes are read strictly, and granted only where declared and registered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from support.taking_part import ORDERS, client
from tokenry.protocol.scope import grant_scope, parse_scope
from tokenry.vocabulary.bounds import MAX_SCOPES
from tokenry.vocabulary.errors import InvalidScope

SCOPE_CHARACTERS = [chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"\\']


def test_scopes_keep_their_order_and_are_named_once():
    assert parse_scope("b a b") == ("b", "a")


@requirement("RFC 6749 §3.3")
@pytest.mark.parametrize(
    "text",
    ["", " ", " a", "a ", "a  b", "a\tb", "a\nb", 'a"b', "a\\b", "é", "a\x7f", "a\0", "a\n"],
)
def test_a_malformed_scope_is_refused(text):
    with pytest.raises(InvalidScope):
        parse_scope(text)


@requirement("G-8")
def test_there_is_a_bound_on_the_number_of_scopes():
    assert len(parse_scope(" ".join(f"s{n}" for n in range(MAX_SCOPES)))) == MAX_SCOPES
    with pytest.raises(InvalidScope):
        parse_scope(" ".join(f"s{n}" for n in range(MAX_SCOPES + 1)))


@requirement("RFC 6749 §3.3")
@given(
    st.lists(
        st.text(st.sampled_from(SCOPE_CHARACTERS), min_size=1), min_size=1, max_size=5, unique=True
    )
)
def test_every_well_formed_scope_is_read_as_it_was_written(scopes):
    assert parse_scope(" ".join(scopes)) == tuple(scopes)


@requirement("R-03")
def test_what_was_asked_for_is_granted_and_no_more():
    who = client(access={"orders": ("orders.read", "orders.write")})
    granted = grant_scope(("orders.read",), client=who, resource_server=ORDERS)
    assert granted == ("orders.read",)


@requirement("R-03")
def test_without_scope_everything_registered_there_is_granted():
    who = client(access={"orders": ("orders.write", "withdrawn"), "payments": ("payments.read",)})
    assert grant_scope((), client=who, resource_server=ORDERS) == ("orders.write",)


@requirement("R-03", "RFC 6749 §5.2")
@pytest.mark.parametrize(
    ("access", "asked"),
    [
        ({"orders": ("orders.read",)}, ("orders.write",)),
        ({"orders": ("orders.read",)}, ("orders.read", "orders.write")),
        ({"orders": ("withdrawn",)}, ("withdrawn",)),
        ({"orders": ("withdrawn",)}, ()),
        ({"payments": ("orders.read",)}, ("orders.read",)),
        ({}, ()),
    ],
)
def test_what_is_not_declared_or_not_registered_is_refused(access, asked):
    with pytest.raises(InvalidScope):
        grant_scope(asked, client=client(access=access), resource_server=ORDERS)
