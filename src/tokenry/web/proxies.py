"""What a proxy in front says about a request, believed only from a proxy that was declared.

The path it stripped a prefix from, and for whom it asks: RFC 7239, or the older X-Forwarded-For.
From anybody else both are ignored, since anybody can send them.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from starlette.types import Scope

MAX_HOPS: Final = 16
_MAX_PEERS: Final = 1024


class DeclaredProxies:
    """The proxies of one listener, and the path prefix that they strip."""

    def __init__(self, networks: Iterable[str], *, prefix: str = "") -> None:
        self._networks = tuple(ip_network(network, strict=False) for network in networks)
        self.prefix: Final = prefix.rstrip("/")
        self._is_proxy: dict[str, bool] = {}

    def __bool__(self) -> bool:
        """Say whether any was declared."""
        return bool(self._networks)

    def sent(self, scope: Scope) -> bool:
        """Say whether the request came from one of them."""
        peer = scope.get("client")
        if peer is None:
            return False
        known = self._is_proxy.get(peer[0])
        if known is None:
            address = _address(peer[0])
            known = address is not None and self._is_declared(address)
            if len(self._is_proxy) >= _MAX_PEERS:
                self._is_proxy.clear()
            self._is_proxy[peer[0]] = known
        return known

    def client_address(self, scope: Scope) -> str | None:
        """Return who asks: the last address that no declared proxy vouches for as its own.

        Two ways of saying it in one request contradict each other, and the peer's address stands.
        """
        peer = scope.get("client")
        stated: str | None = None if peer is None else peer[0]
        if not self.sent(scope):
            return stated
        forwarded = [value for name, value in scope["headers"] if name == b"forwarded"]
        older = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if forwarded and older:
            return stated
        hops = _forwarded_for(forwarded) if forwarded else _split(older)
        for hop in reversed(hops[-MAX_HOPS:]):
            address = _address(hop)
            if address is None:
                break
            stated = str(address)
            if not self._is_declared(address):
                break
        return stated

    def _is_declared(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _split(values: list[bytes]) -> list[str]:
    return [part.strip() for part in b",".join(values).decode("latin-1").split(",")]


def _forwarded_for(values: list[bytes]) -> list[str]:
    hops = []
    for element in _split(values):
        pairs = (pair.partition("=") for pair in element.split(";"))
        named = [value.strip() for name, _, value in pairs if name.strip().lower() == "for"]
        hops.append(named[0].strip('"') if len(named) == 1 else "")
    return hops


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address with or without a port; an IPv6 address in IPv4's clothes becomes IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network_of(client: tuple[str | None, int] | None) -> str:
    """Return the network of an ASGI `client`: its /24, or for IPv6 its /48; "" if unknown."""
    address = None if client is None or client[0] is None else _address(client[0])
    if address is None:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))
