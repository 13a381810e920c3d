"""What the keys of a blueprint may say together; each rule yields the path below its table."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from tokenry.blueprint.declarations import (
    ClientDeclaration,
    Declaration,
    IssuerDeclaration,
    ListenerDeclaration,
    ListenersDeclaration,
    ResourceServerDeclaration,
)
from tokenry.blueprint.problems import Path, Problem, describe, spell_path

Found = tuple[Path, Problem]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME: Final = re.compile(r"^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?\Z")
_PATH_CHARACTERS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
)


def check_within(declaration: Declaration) -> Iterator[Found]:
    """Yield what is wrong inside of one table, with paths relative to it."""
    match declaration:
        case IssuerDeclaration():
            yield from _issuer(declaration)
        case ListenerDeclaration():
            yield from _listener(declaration)
        case ResourceServerDeclaration():
            yield from _resource_server(declaration)
        case ClientDeclaration():
            yield from _client(declaration)
        case _:
            return


def check_together(
    document: Mapping[str, Any], understood: Mapping[Path, Declaration]
) -> Iterator[Found]:
    """Yield what is wrong between tables, with paths from the top.

    `document` is the file as read, so that a table with a problem of its own still counts as
    declared; `understood` has those without.
    """
    yield from _listeners_apart(understood)
    servers: dict[str, ResourceServerDeclaration] = {}
    audiences: dict[str, str] = {}
    for path, declaration in understood.items():
        if not isinstance(declaration, ResourceServerDeclaration):
            continue
        name = str(path[-1])
        servers[name] = declaration
        other = audiences.setdefault(declaration.audience, name)
        if other != name:
            yield _wrong(
                (*path, "audience"),
                "an audience that no other resource server has",
                f"that of {spell_path(('resource_servers', other))}",
            )
    yield from _shared_scopes(servers)
    yield from _access(document, understood)


def is_loopback(host: str | None) -> bool:
    """Say whether a host name or address never leaves this machine (RFC 6761 §6.3, RFC 1122)."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return ipaddress.ip_address(host).version == 6
        except ValueError:
            return False
    return _HOST_NAME.match(host) is not None


def _wrong(path: Path, expected: str, found: str, hint: str = "") -> Found:
    return path, Problem(path="", expected=expected, found=found, hint=hint)


def _issuer(issuer: IssuerDeclaration) -> Iterator[Found]:
    found = describe(issuer.url)
    try:
        url = urlsplit(issuer.url)
        port = url.port
    except ValueError:
        yield _wrong(("url",), "an https URL", found)
        return
    if url.scheme not in _DEFAULT_PORTS or not url.hostname:
        yield _wrong(("url",), "an https URL such as https://auth.example", found)
        return
    if url.scheme == "http":
        if not is_loopback(url.hostname):
            yield _wrong(("url",), "an https URL, since the host is not loopback", found)
        elif not issuer.unsafe_http_on_loopback:
            hint = "for development, set issuer.unsafe_http_on_loopback = true"
            yield _wrong(("url",), "an https URL", found, hint)
    written = _normal_form(url, port)
    if not _is_host(url.hostname):
        yield _wrong(("url",), "a host name or IP address in ASCII", found)
    elif url.path.endswith("/"):
        yield _wrong(("url",), "a URL without a trailing slash", found)
    elif "?" in issuer.url or "#" in issuer.url:
        yield _wrong(("url",), "a URL without query and fragment (RFC 8414 §2)", found)
    elif "@" in url.netloc:
        yield _wrong(("url",), "a URL without user information", "one with it")
    elif not set(url.path) <= _PATH_CHARACTERS or _has_odd_segments(url.path):
        yield _wrong(("url",), "a path of A-Z, a-z, 0-9, - . _ ~ between single slashes", found)
    elif issuer.url != written:
        yield _wrong(("url",), f"the URL as it is compared, {describe(written)}", found)


def _normal_form(url: SplitResult, port: int | None) -> str:
    host = url.hostname or ""
    host = f"[{host}]" if ":" in host else host
    shown = "" if port is None or port == _DEFAULT_PORTS[url.scheme] else f":{port}"
    return f"{url.scheme}://{host}{shown}{url.path}"


def _has_odd_segments(path: str) -> bool:
    return any(segment in {"", ".", ".."} for segment in path.split("/")[1:])


def _listener(listener: ListenerDeclaration) -> Iterator[Found]:
    if (listener.certificate is None) != (listener.key is None):
        absent, present = ("key", "certificate") if listener.key is None else ("certificate", "key")
        yield _wrong((absent,), f"a PEM file, since {present} is set", "nothing")
    elif not (listener.certificate or listener.trusted_proxies or is_loopback(listener.host)):
        yield _wrong(
            ("host",),
            "a loopback address, or TLS (certificate and key), or trusted_proxies"
            " that speak TLS in front",
            describe(listener.host),
        )
    for index, proxy in enumerate(listener.trusted_proxies):
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            expected = "an IP address or network such as 10.0.0.0/8"
            yield _wrong(("trusted_proxies", index), expected, describe(proxy))
    prefix = listener.proxy_prefix
    if prefix:
        if (
            not prefix.startswith("/")
            or not set(prefix) <= _PATH_CHARACTERS
            or _has_odd_segments(prefix)
        ):
            yield _wrong(("proxy_prefix",), "a path such as /auth", describe(prefix))
        elif not listener.trusted_proxies:
            yield _wrong(("trusted_proxies",), "the proxy that strips proxy_prefix", "nothing")


def _listeners_apart(understood: Mapping[Path, Declaration]) -> Iterator[Found]:
    listeners = understood.get(("listeners",))
    if not isinstance(listeners, ListenersDeclaration):
        return
    public, admin = listeners.public, listeners.admin
    if public.port == admin.port != 0 and public.host == admin.host:
        where = "admin" if ("listeners", "admin") in understood else "public"
        yield _wrong(
            ("listeners", where, "port"),
            "different addresses for the public and the admin listener",
            f"{admin.host}:{admin.port} for both",
        )


def _resource_server(server: ResourceServerDeclaration) -> Iterator[Found]:
    for name, scope in server.scopes.items():
        if scope.lifetime is not None and scope.lifetime > server.lifetime:
            yield _wrong(
                ("scopes", name, "lifetime"),
                f"at most the resource server's lifetime of {server.lifetime}",
                describe(scope.lifetime),
            )
    tiers = server.tiers
    if tiers.reduced < tiers.fresh:
        expected = f"at least fresh, {tiers.fresh}"
        yield _wrong(("tiers", "reduced"), expected, describe(tiers.reduced))
    if tiers.survival is not None and tiers.survival < tiers.reduced:
        expected = f"at least reduced, {tiers.reduced}"
        yield _wrong(("tiers", "survival"), expected, describe(tiers.survival))
    for index, scope_name in enumerate(tiers.survival_scopes):
        if scope_name not in server.scopes:
            yield _wrong(
                ("tiers", "survival_scopes", index),
                "a scope of this resource server",
                describe(scope_name),
            )


def _client(client: ClientDeclaration) -> Iterator[Found]:
    if client.auth == "private_key_jwt":
        if client.jwks_file is None:
            yield _wrong(
                ("jwks_file",),
                'a JSON file of public keys, for auth = "private_key_jwt"',
                "nothing",
            )
        if client.secret_sha256:
            expected = 'no secret, since auth = "private_key_jwt" uses keys'
            yield _wrong(("secret_sha256",), expected, describe(list(client.secret_sha256)))
    elif client.jwks_file is not None:
        yield _wrong(
            ("jwks_file",),
            f'nothing, since auth = "{client.auth}" uses a secret',
            describe(client.jwks_file),
            'for keys set auth = "private_key_jwt"',
        )


def _shared_scopes(servers: Mapping[str, ResourceServerDeclaration]) -> Iterator[Found]:
    declared: dict[str, list[str]] = {}
    for server_name, server in servers.items():
        for scope_name in server.scopes:
            declared.setdefault(scope_name, []).append(server_name)
    for scope_name, names in declared.items():
        if len(names) == 1:
            continue
        for server_name in names:
            if not servers[server_name].scopes[scope_name].shared:
                others = ", ".join(name for name in names if name != server_name)
                yield _wrong(
                    ("resource_servers", server_name, "scopes", scope_name),
                    "a scope that no other resource server declares",
                    f"it in {others} too",
                    "if that is meant, set shared = true on each;"
                    " requests for it must then name their resource",
                )


def _access(document: Mapping[str, Any], understood: Mapping[Path, Declaration]) -> Iterator[Found]:
    servers = document.get("resource_servers", {})
    if not isinstance(servers, dict):
        return
    for path, client in understood.items():
        if not isinstance(client, ClientDeclaration):
            continue
        for name, scope_names in client.access.items():
            where: Path = (*path, "access", name)
            server = servers.get(name)
            if name not in servers:
                known = ", ".join(servers) or "none"
                expected = f"the name of a declared resource server ({known})"
                yield _wrong(where, expected, describe(name))
            scopes = server.get("scopes") if isinstance(server, dict) else None
            if not isinstance(scopes, dict):
                continue
            for index, scope_name in enumerate(scope_names):
                if scope_name not in scopes:
                    expected = f"a scope of resource_servers.{name}"
                    yield _wrong((*where, index), expected, describe(scope_name))
