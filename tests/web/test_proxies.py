"""Nobody but a declared proxy can say for whom it asks."""

import pytest

from support.requirement import requirement
from tokenry.web.proxies import DeclaredProxies

PROXIES = DeclaredProxies(["10.0.0.0/8", "fd00::/8", "192.0.2.1"], prefix="/auth/")


def address(peer, *headers):
    scope = {
        "client": (peer, 1234) if peer else None,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    return PROXIES.client_address(scope)


def test_the_prefix_has_no_trailing_slash():
    assert PROXIES.prefix == "/auth"


@requirement("G-7")
@pytest.mark.parametrize("peer", ["203.0.113.9", "192.0.2.2", "2001:db8::1"])
@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded"])
def test_a_stranger_asks_for_itself(peer, name):
    assert address(peer, (name, "198.51.100.7")) == peer


def test_without_a_peer_nothing_is_known():
    assert address(None, ("x-forwarded-for", "198.51.100.7")) is None


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([("x-forwarded-for", "198.51.100.7")], "198.51.100.7"),
        ([("x-forwarded-for", "1.1.1.1, 198.51.100.7")], "198.51.100.7"),
        ([("x-forwarded-for", "198.51.100.7, 10.1.1.1")], "198.51.100.7"),
        ([("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.7")], "198.51.100.7"),
        ([("x-forwarded-for", "198.51.100.7:4711")], "198.51.100.7"),
        ([("x-forwarded-for", "2001:db8::7")], "2001:db8::7"),
        ([("x-forwarded-for", "[2001:db8::7]:4711")], "2001:db8::7"),
        ([("x-forwarded-for", "::ffff:198.51.100.7")], "198.51.100.7"),
        ([("forwarded", 'for="[2001:db8::7]:4711";proto=https')], "2001:db8::7"),
        ([("forwarded", "For=1.1.1.1, for=198.51.100.7;by=10.0.0.1")], "198.51.100.7"),
        ([("forwarded", "for=198.51.100.7, for=_hidden")], "10.0.0.1"),
        ([("forwarded", "for=1.1.1.1;for=198.51.100.7")], "10.0.0.1"),
        ([("x-forwarded-for", "nonsense")], "10.0.0.1"),
        ([("x-forwarded-for", "198.51.100.7, nonsense")], "10.0.0.1"),
        ([("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=2.2.2.2")], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_a_declared_proxy_is_believed_as_far_as_declared_ones_go(headers, client):
    assert address("10.0.0.1", *headers) == client
