"""`tokenry client`: register clients, suspend them, give them new secrets, remove them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
from cyclopts import Parameter

from tokenry.blueprint.declarations import ClientAuthMethod
from tokenry.blueprint.key_sets import (
    MAX_CLIENT_KEY_SET_BYTES,
    ClientKeysRefused,
    client_key_set,
)
from tokenry.cli.admin_client import admin_client
from tokenry.cli.connection import BY_DEFAULT, Connection, Json
from tokenry.cli.failures import CommandFailed, WrongUsage
from tokenry.cli.output import Output, moment, print_facts, print_table, scopes_of

if TYPE_CHECKING:
    from rich.console import Console

_PAGE = 500

ClientIdArgument = Annotated[str, Parameter(help="The client_id.")]


def add(
    client_id: Annotated[
        str | None, Parameter(help="The client_id. Default: a random one.")
    ] = None,
    /,
    *,
    access: Annotated[
        tuple[str, ...],
        Parameter(
            help='What it may have: RESOURCE_SERVER="SCOPE SCOPE". Once for each resource server.',
            negative="",
        ),
    ] = (),
    name: Annotated[str | None, Parameter(help="What people call it.")] = None,
    auth: Annotated[
        ClientAuthMethod | None,
        Parameter(help="How it authenticates. Default: client_secret_basic, or by its keys."),
    ] = None,
    jwks: Annotated[
        Path | None, Parameter(help="JSON file with its public keys, for private_key_jwt.")
    ] = None,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """Register a client. Its secret is shown this once."""
    if jwks is not None and auth is None:
        auth = "private_key_jwt"
    key_set = None if jwks is None else _read_key_set(jwks)
    with admin_client(connection) as admin:
        added = admin.post(
            "/clients",
            client_id=client_id,
            name=name,
            auth=auth,
            access=_parse_access(access),
            jwks=key_set,
        )
    Output(as_json=json).result(added, lambda console: _tell_secret(console, added, "Added"))


def list_(*, connection: Connection = BY_DEFAULT, json: Json = False) -> None:
    """List all clients."""
    clients: list[dict[str, Any]] = []
    with admin_client(connection) as admin:
        after = None
        while True:
            page = admin.get("/clients", after=after, limit=_PAGE)["clients"]
            clients += page
            if len(page) < _PAGE:
                break
            after = page[-1]["client_id"]
    columns = ("client", "name", "auth", "access", "state", "origin")
    rows = [
        (
            client["client_id"],
            client["name"],
            client["auth"],
            scopes_of(client["access"]),
            "suspended" if client["suspended"] else "active",
            client["origin"],
        )
        for client in clients
    ]
    Output(as_json=json).result(
        {"clients": clients},
        lambda console: print_table(console, columns, rows, empty="There are no clients."),
    )


def suspend(
    client_id: ClientIdArgument, /, *, connection: Connection = BY_DEFAULT, json: Json = False
) -> None:
    """Refuse a client, and revoke every token it has, at once."""
    with admin_client(connection) as admin:
        done = admin.post(f"{_path(client_id)}/suspend")
    numbers = " ".join(map(str, done["numbers"]))
    Output(as_json=json).result(
        done,
        lambda console: console.print(
            f"Suspended {client_id}, revoked as {numbers}. {done['note']}"
        ),
    )


def resume(
    client_id: ClientIdArgument, /, *, connection: Connection = BY_DEFAULT, json: Json = False
) -> None:
    """Let a suspended client ask for tokens again. What was revoked stays revoked."""
    with admin_client(connection) as admin:
        done = admin.post(f"{_path(client_id)}/resume")
    Output(as_json=json).result(done, lambda console: console.print(f"Resumed {client_id}."))


def rotate_secret(
    client_id: ClientIdArgument,
    /,
    *,
    overlap: Annotated[
        int | None,
        Parameter(help="Seconds that older secrets still hold; 0 ends them now. Default: a day."),
    ] = None,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """Give a client a new secret beside the old one, which ends. It is shown this once."""
    with admin_client(connection) as admin:
        done = admin.post(f"{_path(client_id)}/rotate-secret", overlap=overlap)
    Output(as_json=json).result(done, lambda console: _tell_secret(console, done, "Rotated"))


def remove(
    client_id: ClientIdArgument, /, *, connection: Connection = BY_DEFAULT, json: Json = False
) -> None:
    """Forget a client, and revoke every token it has, at once."""
    with admin_client(connection) as admin:
        done = admin.delete(_path(client_id))
    numbers = " ".join(map(str, done["numbers"]))
    Output(as_json=json).result(
        done,
        lambda console: console.print(f"Removed {client_id}, revoked as {numbers}. {done['note']}"),
    )


def _path(client_id: str) -> str:
    if client_id in {"", ".", ".."}:
        raise WrongUsage(f"{client_id!r} is no client_id")
    return f"/clients/{quote(client_id, safe='')}"


def _parse_access(access: tuple[str, ...]) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    for each in access:
        name, separator, scopes = each.partition("=")
        if not separator or not name or not scopes.split():
            raise WrongUsage(
                f"--access {each!r} names no resource server and scopes",
                next_step='write it as --access orders="orders.read orders.write"',
            )
        parsed.setdefault(name, []).extend(scopes.split())
    return parsed


def _read_key_set(path: Path) -> object:
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_CLIENT_KEY_SET_BYTES + 1)
        # Looked at here first, so that a private key never leaves this machine.
        return msgspec.json.decode(client_key_set(data))
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}") from None
    except ClientKeysRefused as refused:
        raise CommandFailed(f"{path}: {refused}") from None


def _tell_secret(console: "Console", client: dict[str, Any], what: str) -> None:
    console.print(f"{what}:")
    ends = [
        f"{moment(secret['created_at'])} until {moment(secret['expires_at'])}"
        for secret in client["secrets"]
        if secret["expires_at"] is not None
    ]
    print_facts(
        console,
        [
            ("client_id", client["client_id"]),
            ("client_secret", client.get("client_secret")),
            ("auth", client["auth"]),
            ("access", scopes_of(client["access"])),
            ("older secrets", "; ".join(ends)),
            ("note", client.get("note")),
        ],
    )
