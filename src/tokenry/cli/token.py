"""`tokenry token mint`: an ordinary client_credentials request, for trying things out."""

import os
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote_plus

import msgspec
from cyclopts import Parameter

from tokenry.blueprint.declarations import Algorithm as DeclaredAlgorithm
from tokenry.cli.connection import BY_DEFAULT, Connection, Json
from tokenry.cli.discovery import discover, endpoint
from tokenry.cli.failures import CommandFailed, NotAuthorised, WrongUsage
from tokenry.cli.http import ask, http_client
from tokenry.cli.output import Output
from tokenry.jose import Algorithm, KeyRefused, PrivateKey, attach, header_segment, signing_input
from tokenry.vocabulary.claims import CLIENT_CREDENTIALS, JWT_BEARER_ASSERTION
from tokenry.vocabulary.identifiers import new_handle

_ASSERTION_SECONDS: Final = 60
_MAX_FILE: Final = 64 * 1024

IssuerOption = Annotated[
    str | None,
    Parameter(env_var="TOKENRY_ISSUER", help="Issuer URL. Default: that of operator.json."),
]


def mint(  # what a client may say of itself
    *,
    client: Annotated[str, Parameter(env_var="TOKENRY_CLIENT_ID", help="Its client_id.")],
    scope: Annotated[str | None, Parameter(help="Scopes, separated by spaces.")] = None,
    resource: Annotated[
        str | None, Parameter(help="Audience of the token: the resource server's URI.")
    ] = None,
    secret: Annotated[
        str | None,
        Parameter(
            env_var="TOKENRY_CLIENT_SECRET",
            help="Its secret. In the environment other users do not see it; here they may.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None, Parameter(help="File that holds its secret; - reads stdin.")
    ] = None,
    key_file: Annotated[
        Path | None, Parameter(help="PEM file with its private key, for private_key_jwt.")
    ] = None,
    algorithm: Annotated[DeclaredAlgorithm, Parameter(help="Algorithm of that key.")] = "ES256",
    kid: Annotated[
        str | None, Parameter(help="kid of that key. Default: its RFC 7638 thumbprint.")
    ] = None,
    post: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Send the secret in the body (client_secret_post).",
        ),
    ] = False,
    issuer: IssuerOption = None,
    connection: Connection = BY_DEFAULT,
    json: Json = False,
) -> None:
    """Ask the token endpoint for an access token, as the client would (RFC 6749 §4.4).

    Prints the token alone, or the whole answer with --json.
    """
    at = issuer_of(issuer, connection)
    form = {"grant_type": CLIENT_CREDENTIALS}
    if scope is not None:
        form["scope"] = scope
    if resource is not None:
        form["resource"] = resource
    auth = None
    if key_file is not None:
        form["client_assertion_type"] = JWT_BEARER_ASSERTION
        key = _private_key(key_file, Algorithm(algorithm))
        form["client_assertion"] = _assertion(client, at, key, kid)
    else:
        known = _secret(secret, secret_file)
        if post:
            form |= {"client_id": client, "client_secret": known}
        else:
            # RFC 6749 §2.3.1: both are form-encoded before they are joined.
            auth = (quote_plus(client), quote_plus(known))
    with http_client(at, ca_file=connection.ca_file) as http:
        url = endpoint(discover(http, at), "token_endpoint")
        answer = ask(http, "POST", url, form=form, auth=auth)
    if "access_token" not in answer.document:
        raise _refusal(answer.status, answer.document)
    output = Output(as_json=json)
    output.remark(f"expires in {answer.document.get('expires_in')} s")
    output.result(
        answer.document,
        lambda console: console.print(answer.document["access_token"], soft_wrap=True),
    )


def issuer_of(issuer: str | None, connection: Connection) -> str:
    """Return the issuer that was named, else that of operator.json. Raises WrongUsage."""
    if issuer is not None:
        return issuer
    known = connection.operator_file()
    if known is None:
        raise WrongUsage("no issuer is known", next_step="give --issuer URL, or --data DIR")
    return known.issuer


def _secret(secret: str | None, file: Path | None) -> str:
    if file is None:
        if secret is None:
            raise WrongUsage(
                "no secret is known",
                next_step="set TOKENRY_CLIENT_SECRET, or give --secret-file or --key-file",
            )
        return secret
    if str(file) == "-":
        return sys.stdin.readline().strip()
    return _read(file).decode("utf-8", errors="replace").strip()


def _private_key(file: Path, algorithm: Algorithm) -> PrivateKey:
    lines = [line.strip() for line in _read(file).splitlines()]
    body = b"".join(line for line in lines if not line.startswith(b"-----"))
    try:
        return PrivateKey.from_pkcs8(b64decode(body, validate=True), algorithm=algorithm)
    except (KeyRefused, ValueError) as refused:
        raise CommandFailed(
            f"{file} is no private key for {algorithm}: {refused}",
            next_step="openssl pkcs8 -topk8 -nocrypt turns other forms into PKCS #8",
        ) from None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_FILE)
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from None


def _assertion(client: str, issuer: str, key: PrivateKey, kid: str | None) -> str:
    """Return a client assertion (RFC 7523 §3), whose audience is the issuer alone."""
    now = int(time.time())
    claims = {
        "iss": client,
        "sub": client,
        "aud": issuer,
        "jti": new_handle(os.urandom),
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
    }
    public = key.public
    header = header_segment(public.algorithm, kid or public.kid, "JWT")
    signed = signing_input(header, msgspec.json.encode(claims))
    return attach(signed, key.sign(signed))


def _refusal(status: int, document: dict[str, Any]) -> CommandFailed:
    said = (
        f"{document.get('error', status)}: {document.get('error_description', 'no reason given')}"
    )
    match document.get("error"):
        case "invalid_client":
            return NotAuthorised(
                said, next_step="check client_id, secret or key; `tokenry client list` has methods"
            )
        case "invalid_target" | "invalid_scope":
            return CommandFailed(said, next_step="`tokenry client list` shows what it may have")
        case _:
            return CommandFailed(said)
