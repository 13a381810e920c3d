"""How long a token lives, and how long any token may still live (R-04, G-1).

A request cannot ask for a lifetime at all, so nothing here can lengthen one.
"""

from collections.abc import Iterable

from tokenry.blueprint.declarations import DEFAULT_LEEWAY
from tokenry.protocol.directory_index import DirectoryIndex
from tokenry.protocol.registry import ResourceServer
from tokenry.vocabulary.instant import Instant, Seconds


def token_lifetime(resource_server: ResourceServer, scopes: Iterable[str]) -> Seconds:
    """Return the shortest of the resource server's lifetime and those of the granted scopes."""
    shortest = resource_server.lifetime
    for scope in scopes:
        declared = resource_server.scopes[scope].lifetime
        if declared is not None and declared < shortest:
            shortest = declared
    return shortest


def longest_live_lifetime(directory: DirectoryIndex, *, now: Instant) -> Seconds:
    """Return the longest lifetime that any token alive at `now` can have been issued with.

    Counts what is in force and every ceiling that a live token may still have been issued under.
    """
    in_force = [server.lifetime for server in directory.by_name.values()]
    ceilings = [
        ceiling.lifetime
        for ceiling in directory.ceilings
        if ceiling.until is None or ceiling.until > now
    ]
    return max(in_force + ceilings, default=Seconds(0))


def widest_leeway(directory: DirectoryIndex) -> Seconds:
    """Return the largest leeway that any verifier grants to `exp`."""
    return max(
        (server.leeway for server in directory.by_name.values()), default=Seconds(DEFAULT_LEEWAY)
    )
