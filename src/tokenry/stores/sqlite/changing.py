"""Changes of the directory and of keys, as rows of JSON documents."""

import sqlite3

import msgspec

from tokenry.ports.plans import (
    Change,
    PutCeiling,
    PutClient,
    PutKey,
    PutOperator,
    PutResourceServer,
    RemoveClient,
    RemoveOperator,
    RemoveResourceServer,
)
from tokenry.protocol.registry import Origin
from tokenry.protocol.signing_key import KeyState
from tokenry.stores.sqlite.open_batch import HeadRow
from tokenry.vocabulary.identifiers import ClientId, KeyId

SEEN_BY_VERIFIERS = (PutResourceServer, RemoveResourceServer, PutCeiling)
"""Changes that raise the version of the profile set."""

_encode = msgspec.json.Encoder().encode


def conditions_hold(
    connection: sqlite3.Connection, head: HeadRow, changes: tuple[Change, ...]
) -> bool:
    """Say whether each change may be made, as if those before it in the plan had been."""
    origins: dict[ClientId, Origin | None] = {}
    states: dict[KeyId, KeyState | None] = {}
    for change in changes:
        if isinstance(change, PutClient):
            client = change.client
            if client.id not in origins:
                row = connection.execute(
                    "SELECT origin FROM client WHERE issuer = ? AND id = ?", (head.id, client.id)
                ).fetchone()
                origins[client.id] = Origin(row[0]) if row else None
            if origins[client.id] not in (None, client.origin):
                return False
            origins[client.id] = client.origin
        elif isinstance(change, RemoveClient):
            origins[change.id] = None
        elif isinstance(change, PutKey):
            key = change.key
            if key.kid not in states:
                row = connection.execute(
                    "SELECT state FROM signing_key WHERE issuer = ? AND kid = ?", (head.id, key.kid)
                ).fetchone()
                states[key.kid] = KeyState(row[0]) if row else None
            if states[key.kid] != change.expected:
                return False
            states[key.kid] = key.state
    return True


def make_changes(
    connection: sqlite3.Connection, head: HeadRow, changes: tuple[Change, ...]
) -> None:
    """Make all changes and count them in the head row; their conditions must hold."""
    if not changes:
        return
    for change in changes:
        _make(connection, head.id, change)
    head.directory += 1
    head.profiles += any(isinstance(change, SEEN_BY_VERIFIERS) for change in changes)
    head.has_moved = True


def _make(connection: sqlite3.Connection, issuer_id: int, change: Change) -> None:
    match change:
        case PutClient(client):
            connection.execute(
                "REPLACE INTO client (issuer, id, origin, document) VALUES (?, ?, ?, ?)",
                (issuer_id, client.id, client.origin.value, _encode(client)),
            )
        case RemoveClient(client_id):
            connection.execute(
                "DELETE FROM client WHERE issuer = ? AND id = ?", (issuer_id, client_id)
            )
        case PutResourceServer(resource_server):
            connection.execute(
                "REPLACE INTO resource_server (issuer, name, document) VALUES (?, ?, ?)",
                (issuer_id, resource_server.name, _encode(resource_server)),
            )
        case RemoveResourceServer(name):
            connection.execute(
                "DELETE FROM resource_server WHERE issuer = ? AND name = ?", (issuer_id, name)
            )
        case PutOperator(operator):
            connection.execute(
                "REPLACE INTO operator (issuer, name, document) VALUES (?, ?, ?)",
                (issuer_id, operator.name, _encode(operator)),
            )
        case RemoveOperator(name):
            connection.execute(
                "DELETE FROM operator WHERE issuer = ? AND name = ?", (issuer_id, name)
            )
        case PutCeiling(ceiling):
            connection.execute(
                "REPLACE INTO ceiling (issuer, resource_server, lifetime, document)"
                " VALUES (?, ?, ?, ?)",
                (issuer_id, ceiling.resource_server, ceiling.lifetime, _encode(ceiling)),
            )
        case PutKey(key):
            connection.execute(
                "REPLACE INTO signing_key (issuer, kid, announced_at, state, document)"
                " VALUES (?, ?, ?, ?, ?)",
                (issuer_id, key.kid, key.announced_at, key.state.value, _encode(key)),
            )
