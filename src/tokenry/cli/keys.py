"""`tokenry keys`: see signing keys, and bring in new ones."""

from typing import Annotated, Literal

from cyclopts import Parameter

from tokenry.blueprint.declarations import Algorithm
from tokenry.cli.admin_client import admin_client
from tokenry.cli.connection import BY_DEFAULT, Connection, Json
from tokenry.cli.output import Output, moment, print_table


def list_(
    *,
    every: Annotated[
        bool, Parameter(name="--all", negative="", show_default=False, help="Destroyed keys too.")
    ] = False,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """List signing keys with their states."""
    with admin_client(connection) as admin:
        found = admin.get("/keys")["keys"]
    keys = [key for key in found if every or key["state"] != "destroyed"]
    columns = ("kid", "use", "algorithm", "state", "announced", "active from", "gone")
    rows = [
        (
            key["kid"],
            key["use"],
            key["algorithm"],
            key["state"],
            moment(key["announced_at"]),
            moment(key["activates_at"]),
            moment(key["destroy_at"]),
        )
        for key in keys
    ]
    Output(as_json=json).result(
        {"keys": keys},
        lambda console: print_table(console, columns, rows, empty="There are no keys."),
    )


def rotate(
    *,
    use: Annotated[Literal["token", "feed"], Parameter(help="What the key signs.")] = "token",
    algorithm: Annotated[Algorithm, Parameter(help="Its algorithm.")] = "ES256",
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """Announce a new key. It signs once every cached key set without it has expired."""
    with admin_client(connection) as admin:
        key = admin.post("/keys/rotate", use=use, algorithm=algorithm)
    Output(as_json=json).result(
        key,
        lambda console: console.print(
            f"Announced {key['kid']}; it signs from {moment(key['activates_at'])}.", soft_wrap=True
        ),
    )
