"""`tokenry serve`: run the authority."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from tokenry.blueprint.checks import check_within
from tokenry.blueprint.loading import BlueprintUnreadable, LoadedBlueprint
from tokenry.blueprint.problems import BlueprintError
from tokenry.cli.blueprint import load_blueprint_file
from tokenry.cli.connection import DEFAULT_DATA
from tokenry.cli.failures import CommandFailed
from tokenry.cli.init import DEFAULT_BLUEPRINT
from tokenry.vocabulary.errors import InfrastructureFailure

_PORT: Final = Number(gte=0, lte=65535)


def serve(
    *,
    blueprint: Annotated[Path, Parameter(help="What the authority starts from.")] = (
        DEFAULT_BLUEPRINT
    ),
    data: Annotated[
        Path, Parameter(env_var="TOKENRY_DATA", help="Where it keeps its database and keys.")
    ] = DEFAULT_DATA,
    public_host: Annotated[
        str | None, Parameter(help="Host of the public listener, in place of the blueprint's.")
    ] = None,
    public_port: Annotated[
        int | None,
        Parameter(help="Port of the public listener; 0 takes a free one.", validator=_PORT),
    ] = None,
    admin_host: Annotated[
        str | None, Parameter(help="Host of the admin listener, in place of the blueprint's.")
    ] = None,
    admin_port: Annotated[
        int | None,
        Parameter(help="Port of the admin listener; 0 takes a free one.", validator=_PORT),
    ] = None,
    log_format: Annotated[
        Literal["console", "json"] | None,
        Parameter(help="How log lines look. Default: console on a terminal, else json."),
    ] = None,
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Parameter(help="Least weight of a log line.")
    ] = "INFO",
) -> None:
    """Run the authority until SIGINT or SIGTERM; SIGHUP applies the blueprint anew."""
    # The authority and all it is made of: nothing else waits for it to be imported.
    from tokenry.runner import CannotListen
    from tokenry.serving import ServeOptions
    from tokenry.serving import serve as run
    from tokenry.telemetry import LogFormat

    chosen = log_format or ("console" if sys.stderr.isatty() else "json")
    hosts = {"public": public_host, "admin": admin_host}
    options = ServeOptions(
        folder=blueprint.parent,
        data=data,
        public=(public_host, public_port),
        admin=(admin_host, admin_port),
        log_format=LogFormat(chosen),
        log_level=log_level,
    )
    try:
        run(options, read=lambda: _read(blueprint, hosts), tell=_tell)
    except BlueprintError as error:
        raise CommandFailed(
            f"{blueprint} is wrong:\n{error}",
            next_step=f"`tokenry blueprint check {blueprint}` says so again",
        ) from None
    except (BlueprintUnreadable, CannotListen, InfrastructureFailure) as error:
        raise CommandFailed(str(error)) from error


def _read(file: Path, hosts: Mapping[str, str | None]) -> LoadedBlueprint:
    try:
        loaded = load_blueprint_file(file)
    except CommandFailed as failure:
        raise BlueprintUnreadable(f"{failure.message}; {failure.next_step}") from None
    # What the file may not say, an option may not either: no plain text beyond this machine.
    problems = [
        msgspec.structs.replace(problem, path=f"--{name}-host")
        for name, host in hosts.items()
        if host is not None
        for path, problem in check_within(
            msgspec.structs.replace(getattr(loaded.declared.listeners, name), host=host)
        )
        if path == ("host",)
    ]
    if problems:
        raise BlueprintError(problems)
    return loaded


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
