"""`tokenry init`: a first blueprint, its first operator, and their secrets, shown once."""

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from tokenry.blueprint.parse import parse_blueprint
from tokenry.blueprint.problems import BlueprintError
from tokenry.blueprint.template import StartingPoint, starting_blueprint
from tokenry.cli.connection import DEFAULT_DATA, OPERATOR_FILE, Json, OperatorFile
from tokenry.cli.failures import CommandFailed
from tokenry.cli.output import Output, print_facts
from tokenry.vocabulary.identifiers import new_secret

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_BLUEPRINT: Final = Path("tokenry.toml")
_OPERATOR: Final = "first"


def init(
    *,
    blueprint: Annotated[Path, Parameter(help="File to write.")] = DEFAULT_BLUEPRINT,
    data: Annotated[
        Path, Parameter(env_var="TOKENRY_DATA", help="Data directory to make.")
    ] = DEFAULT_DATA,
    issuer: Annotated[
        str | None, Parameter(help="Issuer URL. Default: http on loopback, at the public port.")
    ] = None,
    public_port: Annotated[int, Parameter(help="Port for clients and services.")] = 8400,
    admin_port: Annotated[int, Parameter(help="Port for operators.")] = 8401,
    json: Json = False,
) -> None:
    """Write a commented blueprint, and the credentials of a first operator.

    The blueprint declares one resource server and one client, with fresh secrets that are shown
    this once. Nothing that exists is overwritten.
    """
    url = issuer or f"http://127.0.0.1:{public_port}"
    token = f"tko_{new_secret(os.urandom)}"
    client_secret = f"tks_{new_secret(os.urandom)}"
    server_secret = f"tkv_{new_secret(os.urandom)}"
    start = StartingPoint(
        issuer=url,
        public_port=public_port,
        admin_port=admin_port,
        operator=_OPERATOR,
        operator_token_sha256=_digest(token),
        resource_server_secret_sha256=_digest(server_secret),
        client_secret_sha256=_digest(client_secret),
    )
    text = starting_blueprint(start)
    try:
        parse_blueprint(text.encode())
    except BlueprintError as error:
        raise CommandFailed(
            f"these options make no blueprint: {error.problems[0]}",
            next_step="correct --issuer, --public-port or --admin-port",
        ) from None
    operator = OperatorFile(
        operator=_OPERATOR,
        token=token,
        admin_url=f"http://127.0.0.1:{admin_port}",
        issuer=url,
    )
    operator_file = data / OPERATOR_FILE
    for path in (blueprint, operator_file):
        if path.exists() or path.is_symlink():
            raise CommandFailed(
                f"{path} exists, and nothing is overwritten",
                next_step="choose other places with --blueprint and --data, or move it away",
            )
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(operator_file, msgspec.json.format(msgspec.json.encode(operator)), mode=0o600)
        _write_new(blueprint, text.encode(), mode=0o644)
    except OSError as error:
        raise CommandFailed(f"cannot write {error.filename}: {error.strerror}") from None

    document = {
        "blueprint": str(blueprint),
        "data": str(data),
        "issuer": url,
        "operator": {"name": _OPERATOR, "token": token, "file": str(operator_file)},
        "client": {"client_id": start.client, "client_secret": client_secret},
        "resource_server": {
            "name": start.resource_server,
            "audience": start.audience,
            "secret": server_secret,
        },
    }

    def tell(console: "Console") -> None:
        console.print(f"Wrote {blueprint} and {operator_file}.\n")
        console.print("These secrets are shown this once; the blueprint has only their SHA-256.")
        print_facts(
            console,
            [
                (f"  client {start.client}", client_secret),
                (f"  resource server {start.resource_server}", server_secret),
            ],
        )
        where = "" if blueprint == DEFAULT_BLUEPRINT else f" --blueprint {blueprint}"
        place = "" if data == DEFAULT_DATA else f" --data {data}"
        console.print(f"\nNow start the authority:\n  tokenry serve{where}{place}")
        console.print(
            "and in another terminal ask it for a token:\n"
            f"  TOKENRY_CLIENT_SECRET={client_secret} \\\n"
            f"  tokenry token mint --client {start.client} --resource {start.audience}{place}",
            soft_wrap=True,
        )

    Output(as_json=json).result(document, tell)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that does not exist yet, with its mode from the first moment on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
