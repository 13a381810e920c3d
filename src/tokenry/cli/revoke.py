"""`tokenry revoke`: take tokens back, by any of the ids they carry."""

import sys
from typing import Annotated, Final

from cyclopts import Group, Parameter

from tokenry.cli.admin_client import admin_client
from tokenry.cli.connection import BY_DEFAULT, Connection, Json
from tokenry.cli.failures import WrongUsage
from tokenry.cli.output import Output
from tokenry.vocabulary.selectors import SelectorKind

_EXACTLY_ONE: Final = Group("What to revoke, exactly one", sort_key=1)


def _names(what: str) -> Parameter:
    # Random ids may begin with a hyphen.
    return Parameter(help=what, group=_EXACTLY_ONE, allow_leading_hyphen=True)


def revoke(  # one option for each kind
    *,
    token: Annotated[str | None, _names("One token, itself. - reads it from stdin.")] = None,
    jti: Annotated[str | None, _names("One token, by its jti.")] = None,
    grant: Annotated[str | None, _names("All tokens of a grant.")] = None,
    session: Annotated[str | None, _names("All tokens of a session, by sid.")] = None,
    subject: Annotated[str | None, _names("All tokens of a subject, by sub.")] = None,
    device: Annotated[str | None, _names("All tokens of a device.")] = None,
    client: Annotated[
        str | None, _names("All tokens of a client; `tokenry client suspend` stops new ones too.")
    ] = None,
    key: Annotated[str | None, _names("A stolen signing key, by kid: drops it for good.")] = None,
    confirmation: Annotated[
        str | None, _names("All tokens bound to a key or certificate, by its thumbprint.")
    ] = None,
    audience: Annotated[str | None, _names("All tokens for a resource server.")] = None,
    issuer: Annotated[str | None, _names("Every token of the issuer, by its URL.")] = None,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """Take tokens back everywhere, at once. Give exactly one of the options.

    When this returns, the revocation is durable and on its way to every verifier.
    """
    given = {
        SelectorKind.JTI: jti,
        SelectorKind.GRANT: grant,
        SelectorKind.SESSION: session,
        SelectorKind.SUBJECT: subject,
        SelectorKind.DEVICE: device,
        SelectorKind.CLIENT: client,
        SelectorKind.KEY: key,
        SelectorKind.CONFIRMATION: confirmation,
        SelectorKind.AUDIENCE: audience,
        SelectorKind.ISSUER: issuer,
    }
    chosen = [(kind, value) for kind, value in given.items() if value is not None]
    if len(chosen) + (token is not None) != 1:
        options = ", ".join(f"--{kind.value}" for kind in given)
        raise WrongUsage("give exactly one thing to revoke", next_step=f"--token, {options}")
    with admin_client(connection) as admin:
        if token is not None:
            pasted = sys.stdin.read().strip() if token == "-" else token
            done = admin.post("/revocations", token=pasted)
        else:
            (kind, value), *_ = chosen
            done = admin.post("/revocations", kind=kind.value, id=value)
    numbers = " ".join(map(str, done["numbers"]))
    said = f"Revoked as {numbers}." if done["fresh"] else f"Was revoked before, as {numbers}."
    Output(as_json=json).result(
        done, lambda console: console.print(f"{said} {done['note']}", soft_wrap=True)
    )
