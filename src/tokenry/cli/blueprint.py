"""`tokenry blueprint check`: say everything that is wrong with a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tokenry.blueprint.key_sets import MAX_CLIENT_KEY_SET_BYTES
from tokenry.blueprint.loading import LoadedBlueprint, load_blueprint
from tokenry.blueprint.parse import MAX_BLUEPRINT_BYTES
from tokenry.blueprint.problems import BlueprintError
from tokenry.cli.connection import Json
from tokenry.cli.failures import CommandFailed, ExitStatus
from tokenry.cli.init import DEFAULT_BLUEPRINT
from tokenry.cli.output import Output, harmless


def check(
    file: Annotated[Path, Parameter(help="The blueprint.")] = DEFAULT_BLUEPRINT,
    /,
    *,
    json: Json = False,
) -> ExitStatus:
    """Say everything that is wrong with a blueprint and the key sets it names; change nothing.

    Each problem names its path in the file, what was expected and what was found.
    """
    output = Output(as_json=json)
    try:
        loaded = load_blueprint_file(file)
    except BlueprintError as error:
        problems = error.problems
        lines = "\n".join(f"{file}: {harmless(str(problem))}" for problem in problems)
        output.result(
            {"ok": False, "file": str(file), "problems": problems},
            lambda console: console.print(lines, soft_wrap=True),
        )
        output.remark(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
        return ExitStatus.REFUSED
    declared = loaded.declared
    counts = {
        "resource_servers": len(declared.resource_servers),
        "clients": len(declared.clients),
        "operators": len(declared.operators),
    }
    words = ", ".join(
        f"{number} {name.replace('_', ' ').removesuffix('s' * (number == 1))}"
        for name, number in counts.items()
    )
    output.result(
        {"ok": True, "file": str(file), "digest": loaded.digest, **counts},
        lambda console: console.print(f"{file} is good: {declared.issuer.url}, {words}."),
    )
    return ExitStatus.OK


def load_blueprint_file(file: Path) -> LoadedBlueprint:
    """Read a blueprint and the key sets beside it. Raises BlueprintError and CommandFailed."""
    try:
        data = _read_at_most(file, MAX_BLUEPRINT_BYTES)
    except OSError as error:
        raise CommandFailed(
            f"cannot read {file}: {error.strerror}",
            next_step="`tokenry init` writes a first blueprint",
        ) from None
    return load_blueprint(data, key_set_reader(file))


def key_set_reader(file: Path) -> Callable[[str], bytes]:
    """Return what reads the key sets that a blueprint names, relative to its folder."""
    return lambda path: _read_at_most(file.parent / path, MAX_CLIENT_KEY_SET_BYTES)


def _read_at_most(path: Path, limit: int) -> bytes:
    """Read a file, and one byte more than `limit` so that it is seen to be too large."""
    with path.open("rb") as opened:
        return opened.read(limit + 1)
