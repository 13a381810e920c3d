"""Scopes: what was asked for, read strictly, and what may be granted of it (R-03; RFC 6749 §3.3).

A scope is granted only if the resource server declares it *and* the client is registered for it
there. Asking for too much is refused, not trimmed: a client learns at once what it cannot have.
"""

import re
from typing import Final

from tokenry.protocol.registry import Client, ResourceServer
from tokenry.vocabulary.bounds import MAX_SCOPES
from tokenry.vocabulary.errors import InvalidScope

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def parse_scope(text: str) -> tuple[str, ...]:
    """Return the scopes of a `scope` parameter, each once, in the order asked for.

    Raises InvalidScope for other separators than one space, other characters, or too many, however
    often each is named.
    """
    if not _SCOPE.fullmatch(text):
        raise InvalidScope(
            because="scope is malformed",
            description="scope is a list of scopes, separated by one space each.",
        )
    scopes = text.split(" ")
    if len(scopes) > MAX_SCOPES:
        raise InvalidScope(
            because=f"{len(scopes)} scopes",
            description=f"At most {MAX_SCOPES} scopes can be asked for at once.",
        )
    return tuple(dict.fromkeys(scopes))


def grant_scope(
    requested: tuple[str, ...], *, client: Client, resource_server: ResourceServer
) -> tuple[str, ...]:
    """Return the scopes to grant at a resource server; for none requested, all registered there.

    Raises InvalidScope if one is not declared there or not registered for the client, and when
    nothing would be granted.
    """
    registered = client.access.get(resource_server.name, ())
    if not requested:
        granted = tuple(scope for scope in registered if scope in resource_server.scopes)
        if not granted:
            raise InvalidScope(because="the client is registered for no scope there")
        return granted
    for scope in requested:
        if scope not in resource_server.scopes:
            raise InvalidScope(because=f"{resource_server.name} declares no such scope")
        if scope not in registered:
            raise InvalidScope(because=f"the client is not registered for {scope}")
    return requested
