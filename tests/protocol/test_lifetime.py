"""Lifetimes are the shortest declared, and revocations remember the longest still alive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from support.taking_part import ceiling, directory_index, resource_server
from tokenry.protocol.directory_index import index_directory
from tokenry.protocol.lifetime import longest_live_lifetime, token_lifetime, widest_leeway
from tokenry.protocol.registry import Directory, Scope

LIFETIMES = st.integers(1, 86_400)


@requirement("R-04")
@given(LIFETIMES, st.lists(st.none() | LIFETIMES, max_size=4))
def test_a_token_lives_as_long_as_the_shortest_lifetime_that_applies(whole, parts):
    scopes = {f"s{n}": Scope(lifetime=part) for n, part in enumerate(parts)}
    server = resource_server(lifetime=whole, scopes={**scopes, "other": Scope(lifetime=1)})
    expected = min([whole, *(part for part in parts if part is not None)])
    assert token_lifetime(server, scopes) == expected


@requirement("G-1")
@pytest.mark.parametrize(
    ("ceilings", "longest"),
    [
        ([], 300),
        ([ceiling(lifetime=900)], 900),
        ([ceiling(lifetime=900, until=10_001)], 900),
        ([ceiling(lifetime=900, until=10_000)], 300),
        ([ceiling(lifetime=60)], 300),
        ([ceiling("removed", lifetime=4000, until=10_001)], 4000),
    ],
)
def test_ceilings_count_for_as_long_as_a_token_under_them_may_live(ceilings, longest):
    directory = directory_index(resource_server(), ceilings=ceilings)
    assert longest_live_lifetime(directory, now=10_000) == longest


def test_an_empty_directory_has_no_tokens_to_outlive():
    empty = index_directory(Directory())
    assert longest_live_lifetime(empty, now=0) == 0
    assert widest_leeway(empty) == 5


def test_the_widest_leeway_of_all_verifiers_counts():
    directory = directory_index(
        resource_server(leeway=0), resource_server("b", "https://b.example", leeway=30)
    )
    assert widest_leeway(directory) == 30


def test_two_resource_servers_cannot_share_an_audience():
    with pytest.raises(ValueError, match="share"):
        directory_index(resource_server("a"), resource_server("b"))
