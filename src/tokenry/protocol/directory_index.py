"""The directory, arranged for look-ups: by audience, by name, by scope. Built once per version."""

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from tokenry.protocol.registry import Directory, LifetimeCeiling, Operator, ResourceServer
from tokenry.vocabulary.identifiers import OperatorName, ResourceServerName


class DirectoryIndex(msgspec.Struct, frozen=True, kw_only=True):
    """Read-only views of one version of the directory.

    `by_scope` has every resource server that declares a scope of that name.
    """

    by_audience: Mapping[str, ResourceServer]
    by_name: Mapping[ResourceServerName, ResourceServer]
    by_scope: Mapping[str, tuple[ResourceServer, ...]]
    operators: Mapping[OperatorName, Operator]
    ceilings: tuple[LifetimeCeiling, ...]


def index_directory(directory: Directory) -> DirectoryIndex:
    """Arrange a directory. Raises ValueError if two resource servers share an audience."""
    by_audience: dict[str, ResourceServer] = {}
    by_scope: defaultdict[str, list[ResourceServer]] = defaultdict(list)
    for server in directory.resource_servers:
        if by_audience.setdefault(server.audience, server) is not server:
            raise ValueError(f"two resource servers share the audience {server.audience}")
        for scope in server.scopes:
            by_scope[scope].append(server)
    return DirectoryIndex(
        by_audience=MappingProxyType(by_audience),
        by_name=MappingProxyType({server.name: server for server in directory.resource_servers}),
        by_scope=MappingProxyType({scope: tuple(servers) for scope, servers in by_scope.items()}),
        operators=MappingProxyType({operator.name: operator for operator in directory.operators}),
        ceilings=directory.ceilings,
    )
