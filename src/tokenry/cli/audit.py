"""`tokenry audit`: read the record of what was done, by whom and why."""

from typing import Annotated, Any

from cyclopts import Parameter

from tokenry.cli.admin_client import admin_client
from tokenry.cli.connection import BY_DEFAULT, Connection, Json
from tokenry.cli.output import Output, moment

_WAIT = 20
_PAGE = 500


def tail(
    *,
    last: Annotated[int, Parameter(alias="-n", help="How many of the newest entries.")] = 20,
    after: Annotated[
        int | None, Parameter(help="Begin after this entry id, in place of --last.")
    ] = None,
    follow: Annotated[
        bool,
        Parameter(
            alias="-f", negative="", show_default=False, help="Go on with new entries until Ctrl-C."
        ),
    ] = False,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """Print the newest audit entries, a line each."""
    output = Output(as_json=json)
    with admin_client(connection) as admin:
        if after is None:
            after = max(0, admin.get("/issuer")["last_audit_id"] - max(0, last))
        wait = 0
        while True:
            page = admin.get("/audit", after=after, limit=_PAGE, wait=wait)
            for read in page["entries"]:
                output.item(read, _line(read))
            after = page["next"]
            if not page["entries"]:
                if not follow:
                    return
                wait = _WAIT


def _line(read: dict[str, Any]) -> str:
    entry = read["entry"]
    detail = " ".join(f"{name}={value}" for name, value in entry.get("detail", {}).items())
    because = f"  because {entry['because']}" if entry.get("because") else ""
    at = moment(entry["at"])
    return f"{read['id']}  {at}  {entry['event']}  {entry['actor']}  {detail}{because}"
