"""`tokenry token inspect`: show what a token says, and with --verify whether it is true."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from tokenry.cli.connection import BY_DEFAULT, Connection, Json
from tokenry.cli.discovery import discover, endpoint
from tokenry.cli.failures import CommandFailed, ExitStatus
from tokenry.cli.http import ask, http_client
from tokenry.cli.output import Output, moment, print_facts
from tokenry.cli.token import IssuerOption, issuer_of
from tokenry.jose import (
    JwsRefused,
    KeySet,
    KeySetRefused,
    MalformedJson,
    parse_compact,
    parse_object,
    verify_compact,
)
from tokenry.protocol.reference_token import is_reference_token
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE

if TYPE_CHECKING:
    from rich.console import Console

_TIMES: Final = frozenset({"iat", "exp", "nbf"})


def inspect(
    token: Annotated[
        str, Parameter(help="The token; - reads it from stdin.", allow_leading_hyphen=True)
    ] = "-",
    /,
    *,
    verify: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Check signature, type, issuer and expiry; else nothing is.",
        ),
    ] = False,
    issuer: IssuerOption = None,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> ExitStatus:
    """Decode a token without believing it, or verify it with the issuer's published keys.

    Whether it was revoked is not looked at: a verifier that follows the feed knows, and
    introspection does. Exits 1 when --verify finds it wrong.
    """
    text = sys.stdin.read().strip() if token == "-" else token
    if is_reference_token(text):
        raise CommandFailed(
            "this is an opaque token: it says nothing by itself",
            next_step="the resource server it is for may introspect it",
        )
    try:
        jws = parse_compact(text)
        claims = parse_object(jws.payload)
    except (JwsRefused, MalformedJson) as refused:
        raise CommandFailed(f"not a token: {refused}") from None
    header = {"alg": jws.header.alg, "kid": jws.header.kid, "typ": jws.header.typ}
    problems = (
        _problems(text, claims, issuer_of(issuer, connection), connection) if verify else None
    )
    document = {"header": header, "claims": claims}
    if problems is not None:
        document["verified"] = not problems
        document["problems"] = problems

    def tell(console: "Console") -> None:
        print_facts(console, [(name, _shown(name, value)) for name, value in claims.items()])
        console.print("")
        print_facts(console, header.items())
        console.print("")
        if problems is None:
            console.print("Not verified: anybody could have written this. --verify checks it.")
        elif problems:
            console.print("\n".join(f"Wrong: {problem}" for problem in problems))
        else:
            console.print("Verified: signature, type, issuer and expiry are right.")

    Output(as_json=json).result(document, tell)
    return ExitStatus.REFUSED if problems else ExitStatus.OK


def _problems(text: str, claims: dict[str, Any], issuer: str, connection: Connection) -> list[str]:
    with http_client(issuer, ca_file=connection.ca_file) as http:
        url = endpoint(discover(http, issuer), "jwks_uri")
        published = ask(http, "GET", url)
    try:
        keys = KeySet.from_jwks(published.document)
    except KeySetRefused as refused:
        raise CommandFailed(f"{url} is no key set: {refused}") from None
    problems = []
    try:
        verify_compact(text, expected_type=ACCESS_TOKEN_TYPE, find_key=keys.find)
    except JwsRefused as refused:
        problems.append(str(refused))
    if claims.get("iss") != issuer:
        problems.append(f"iss is {claims.get('iss')!r}, expected {issuer!r}")
    expires = claims.get("exp")
    if not isinstance(expires, int) or isinstance(expires, bool):
        problems.append("exp is missing")
    elif expires <= time.time():
        problems.append(f"it expired at {moment(expires * 1000)}")
    return problems


def _shown(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int):
        return f"{value}  ({moment(value * 1000)})"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
