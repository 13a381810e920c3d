"""`tokenry feed`: watch revocations as they are numbered, and how far verifiers have come."""

from typing import Annotated, Any

from cyclopts import Parameter

from tokenry.cli.admin_client import admin_client
from tokenry.cli.connection import BY_DEFAULT, Connection, Json
from tokenry.cli.output import Output, moment, print_table

_WAIT = 20
_PAGE = 500
_NEVER = (1 << 53) - 1


def tail(
    *,
    after: Annotated[
        int | None, Parameter(help="Begin after this number. Default: with what comes now.")
    ] = None,
    once: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="End when there is no more, instead of waiting."
        ),
    ] = False,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """Print each revocation record as it is committed, a line each, until Ctrl-C."""
    output = Output(as_json=json)
    with admin_client(connection) as admin:
        while True:
            page = admin.get("/feed/records", after=after, limit=_PAGE, wait=0 if once else _WAIT)
            for record in page["records"]:
                output.item(record, _line(record))
            after = page["next"]
            if once and not page["records"]:
                return


def _line(record: dict[str, Any]) -> str:
    for_good = record["expires"] >= _NEVER
    kept = "for good" if for_good else f"until {moment(record['expires'] * 1000)}"
    return f"{record['seq']}  {record['type']:<8}  {record['selector']}  kept {kept}"


def lag(*, connection: Connection = BY_DEFAULT, json: Json = False) -> None:
    """Show how far each verifier has come that lately reported to this node."""
    with admin_client(connection) as admin:
        report = admin.get("/feed/positions")
    columns = ("resource server", "instance", "behind", "staleness", "head", "reported")
    rows = [
        (
            position["resource_server"],
            position["instance"],
            position["behind"],
            "not synchronized" if position["lag_ms"] is None else f"{position['lag_ms']} ms",
            position["head"],
            moment(position["reported_at"]),
        )
        for position in sorted(
            report["positions"], key=lambda each: (-each["behind"], each["resource_server"])
        )
    ]
    Output(as_json=json).result(
        report,
        lambda console: print_table(
            console, columns, rows, empty="No verifier has reported lately."
        ),
    )
