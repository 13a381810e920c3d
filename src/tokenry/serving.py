"""`tokenry serve`: read the blueprint, open the authority, run it until told to stop.

Everything that can be wrong before the first request is told in one sentence that says what to do.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import uvloop

from tokenry.assembly import Authority
from tokenry.authority.reconcile import Reconciled
from tokenry.blueprint.declarations import Blueprint, ListenerDeclaration
from tokenry.blueprint.loading import BlueprintUnreadable, LoadedBlueprint
from tokenry.blueprint.problems import BlueprintError
from tokenry.runner import Application, Listener, run
from tokenry.telemetry import LogFormat, configure_logs
from tokenry.vocabulary.errors import InfrastructureFailure


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `tokenry serve` is told. `folder` is the blueprint's, to which its paths are relative.

    `public` and `admin` replace host and port of the blueprint's listeners; None leaves either.
    """

    folder: Path
    data: Path
    public: tuple[str | None, int | None] = (None, None)
    admin: tuple[str | None, int | None] = (None, None)
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: str = "INFO"


def serve(
    options: ServeOptions,
    *,
    read: Callable[[], LoadedBlueprint],
    tell: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP applies what `read` then returns.

    `read` raises BlueprintError and BlueprintUnreadable; `tell` gets the lines that a person who
    started it wants to see. Raises those two, InfrastructureFailure and runner.CannotListen.
    """
    configure_logs(options.log_format, level=options.log_level)
    loaded = read()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_serve(options, loaded, read, tell))


async def _serve(
    options: ServeOptions,
    loaded: LoadedBlueprint,
    read: Callable[[], LoadedBlueprint],
    tell: Callable[[str], None],
) -> None:
    authority = await Authority.open(loaded, data=options.data)
    declared = loaded.declared.listeners
    listeners = (
        _listener("public", declared.public, options.public, authority.public, options.folder),
        _listener("admin", declared.admin, options.admin, authority.admin, options.folder),
    )

    def ready(ports: dict[str, int]) -> None:
        for listener in listeners:
            scheme = "https" if listener.certificate else "http"
            tell(f"{listener.name} listens on {scheme}://{listener.host}:{ports[listener.name]}")
        tell(
            f"{authority.issuer} is served; SIGTERM or Ctrl+C stops it, SIGHUP reads the blueprint"
        )

    try:
        await run(
            listeners,
            background=authority.background,
            ready=ready,
            reload=Reload(authority, serving=loaded, read=read, tell=tell),
            drain=authority.drain,
        )
    finally:
        await authority.close()


class _Applies(Protocol):
    async def apply(self, loaded: LoadedBlueprint) -> Reconciled: ...


class Reload:
    """Applies the blueprint as the file has it now. One at a time, each read when its turn comes.

    Of two that overlap, one that was read first could otherwise be applied last.
    """

    def __init__(
        self,
        authority: _Applies,
        *,
        serving: LoadedBlueprint,
        read: Callable[[], LoadedBlueprint],
        tell: Callable[[str], None],
    ) -> None:
        self._authority = authority
        self._serving = serving.declared
        self._read = read
        self._tell = tell
        self._turn = asyncio.Lock()
        self._one_waits = False

    async def __call__(self) -> None:
        """Read and apply; whoever comes while another waits leaves it to that one."""
        if self._one_waits:
            return
        self._one_waits = True
        async with self._turn:
            self._one_waits = False
            try:
                loaded = self._read()
                self._tell(str(await self._authority.apply(loaded)))
                self._tell_what_waits(loaded.declared)
            except (BlueprintUnreadable, BlueprintError, InfrastructureFailure) as error:
                self._tell(
                    f"the blueprint was not applied, and the authority goes on as before: {error}"
                )

    def _tell_what_waits(self, declared: Blueprint) -> None:
        for part in ("listeners", "keys"):
            if getattr(declared, part) != getattr(self._serving, part):
                self._tell(f"[{part}] has changed: that holds from the next start on")


def _listener(
    name: str,
    declared: ListenerDeclaration,
    instead: tuple[str | None, int | None],
    application: Application,
    folder: Path,
) -> Listener:
    host, port = instead
    return Listener(
        name=name,
        application=application,
        host=declared.host if host is None else host,
        port=declared.port if port is None else port,
        certificate=None if declared.certificate is None else str(folder / declared.certificate),
        key=None if declared.key is None else str(folder / declared.key),
    )
