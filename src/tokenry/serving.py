"""`tokenry serve`: read the blueprint, open the authority, run it until told to stop.

Everything that can be wrong before the first request is told in one sentence that says what to do.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from tokenry.assembly import Authority
from tokenry.blueprint.declarations import ListenerDeclaration
from tokenry.blueprint.loading import LoadedBlueprint, load_blueprint
from tokenry.blueprint.problems import BlueprintError
from tokenry.runner import Application, Listener, run
from tokenry.telemetry import LogFormat, configure_logs
from tokenry.vocabulary.errors import InfrastructureFailure


class CannotServe(Exception):
    """Why the authority did not start, or stopped; a sentence for whoever started it."""


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `tokenry serve` is told; None leaves what the blueprint says."""

    blueprint: Path
    data: Path
    public_host: str | None = None
    public_port: int | None = None
    admin_host: str | None = None
    admin_port: int | None = None
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: str = "INFO"


def read_blueprint(path: Path) -> LoadedBlueprint:
    """Read a blueprint and the files it names, relative to its own folder.

    Raises BlueprintError, and CannotServe when the file itself cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CannotServe(
            f"cannot read the blueprint {path}: {error.strerror};"
            " `tokenry init` writes one to begin with"
        ) from error
    return load_blueprint(data, lambda name: (path.parent / name).read_bytes())


def serve(options: ServeOptions, *, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP reads the blueprint again.

    `tell` gets the lines that a person who started it wants to see. Raises CannotServe,
    BlueprintError, InfrastructureFailure and runner.CannotListen.
    """
    configure_logs(options.log_format, level=options.log_level)
    loaded = read_blueprint(options.blueprint)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_serve(options, loaded, tell))


async def _serve(
    options: ServeOptions, loaded: LoadedBlueprint, tell: Callable[[str], None]
) -> None:
    authority = await Authority.open(loaded, data=options.data)
    declared = loaded.declared.listeners
    listeners = (
        _listener(
            "public",
            declared.public,
            authority.public,
            host=options.public_host,
            port=options.public_port,
            beside=options.blueprint.parent,
        ),
        _listener(
            "admin",
            declared.admin,
            authority.admin,
            host=options.admin_host,
            port=options.admin_port,
            beside=options.blueprint.parent,
        ),
    )

    def ready(ports: dict[str, int]) -> None:
        for listener in listeners:
            scheme = "https" if listener.certificate else "http"
            tell(f"{listener.name} listens on {scheme}://{listener.host}:{ports[listener.name]}")
        tell(
            f"{authority.issuer} is served; SIGTERM or Ctrl+C stops it, SIGHUP reads the blueprint"
        )

    async def reload() -> None:
        try:
            tell(str(await authority.apply(read_blueprint(options.blueprint))))
        except (CannotServe, BlueprintError, InfrastructureFailure) as error:
            tell(f"the blueprint was not applied, and the authority goes on as before: {error}")

    try:
        await run(
            listeners,
            background=authority.background,
            ready=ready,
            reload=reload,
            drain=authority.drain,
        )
    finally:
        await authority.close()


def _listener(
    name: str,
    declared: ListenerDeclaration,
    application: Application,
    *,
    host: str | None,
    port: int | None,
    beside: Path,
) -> Listener:
    return Listener(
        name=name,
        application=application,
        host=declared.host if host is None else host,
        port=declared.port if port is None else port,
        certificate=_beside(beside, declared.certificate),
        key=_beside(beside, declared.key),
    )


def _beside(folder: Path, file: str | None) -> str | None:
    return None if file is None else str(folder / file)
