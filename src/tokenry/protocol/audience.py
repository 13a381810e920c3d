"""Which service a token is for: named by `resource`, or plain from the scope; never guessed.

RFC 8707 §2, R-02, G-7. A token has one audience. The parameter only narrows: a client without any
scope at a resource server cannot name it.
"""

import re
from typing import Final

from tokenry.protocol.directory_index import DirectoryIndex
from tokenry.protocol.registry import Client, ResourceServer
from tokenry.vocabulary.bounds import MAX_IDENTIFIER_BYTES
from tokenry.vocabulary.errors import InvalidScope, InvalidTarget

# RFC 3986 §4.3: a scheme, then something; no fragment (RFC 8707 §2).
_ABSOLUTE_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")


def choose_audience(
    resources: tuple[str, ...],
    scopes: tuple[str, ...],
    *,
    client: Client,
    directory: DirectoryIndex,
) -> ResourceServer:
    """Return the one resource server that the request means and the client may use.

    Without `resources` all `scopes` must be declared by exactly one resource server, whatever the
    client is registered for: a token's audience must not depend on who asks. Raises InvalidTarget,
    or InvalidScope for a scope that nobody declares.
    """
    server = _named(resources, directory) if resources else _implied(scopes, directory)
    if not client.access.get(server.name):
        raise InvalidTarget(
            because=f"the client has no access to {server.name}",
            description="The client has no access to this resource.",
        )
    return server


def _named(resources: tuple[str, ...], directory: DirectoryIndex) -> ResourceServer:
    if len(resources) > 1:
        raise InvalidTarget(
            because=f"{len(resources)} resources",
            description="A token has one audience: name one resource, and ask again for another.",
        )
    resource = resources[0]
    server = directory.by_audience.get(resource)
    if server is not None:
        return server
    if len(resource) > MAX_IDENTIFIER_BYTES or not _ABSOLUTE_URI.fullmatch(resource):
        raise InvalidTarget(
            because="resource is not an absolute URI without a fragment",
            description="resource is an absolute URI without a fragment.",
        )
    raise InvalidTarget(
        because="no resource server has this audience", description="The resource is unknown."
    )


def _implied(scopes: tuple[str, ...], directory: DirectoryIndex) -> ResourceServer:
    if not scopes:
        raise InvalidTarget(because="neither resource nor scope")
    candidates: list[ResourceServer] | None = None
    for scope in scopes:
        declaring = directory.by_scope.get(scope)
        if declaring is None:
            raise InvalidScope(because="no resource server declares this scope")
        if candidates is None:
            candidates = list(declaring)
        else:
            candidates = [server for server in candidates if server in declaring]
    if candidates is None or len(candidates) != 1:
        raise InvalidTarget(because="the scope does not name one resource server")
    return candidates[0]
