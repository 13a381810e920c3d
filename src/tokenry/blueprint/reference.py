"""The reference page of the blueprint, written from its declarations."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT

from tokenry.blueprint.declarations import Blueprint, Declaration
from tokenry.blueprint.problems import describe
from tokenry.blueprint.shape import Key, expectation, keys_of

_OPENING: Final = """\
# The blueprint

<!-- Written from src/tokenry/blueprint/declarations.py by `make docs`; change it there. -->

One TOML file declares an authority: who signs, where it listens, which services accept tokens,
which clients ask for them, and who administers. `tokenry init` writes one with comments;
`tokenry blueprint check FILE` says everything that is wrong with it, each problem at its path.

- A key that is not listed here is an error. A key without a default must be there.
- Durations are whole seconds. File names are relative to the blueprint's own folder.
- Secrets never stand in it, only their SHA-256: `printf %s "$SECRET" | sha256sum`.

**It seeds; the store is the truth.** Every object records where it came from. Starting the
authority, or sending it SIGHUP, brings what came from the blueprint in line with the file, in one
transaction, and touches nothing else:

- An id that the command line has already given away is an error, and nothing is changed.
- What the file no longer declares is removed, and its tokens are revoked at once.
- A lower lifetime holds for new tokens; the old ceiling stays published until the last token
  issued under it has expired. Less access and fewer secrets, too, hold for new tokens: revoke the
  client to end the old ones now.
- A client that was suspended stays suspended. Secrets made with `tokenry client rotate-secret`
  stay; a declared secret that was rotated out stays out.
- Applying the same file twice changes nothing.
"""


def reference_page() -> str:
    """Return the whole page, in Markdown."""
    return _OPENING + "".join(_sections(Blueprint, ()))


def _sections(declaration: type[Declaration], path: tuple[str, ...]) -> Iterator[str]:
    for key in keys_of(declaration):
        if key.table is not None:
            yield from _section(key, key.table, (*path, key.name))
        elif key.tables is not None:
            free = key.name.removesuffix("s").rpartition("_")[2].upper()
            yield from _section(key, key.tables, (*path, key.name, free))


def _section(named: Key, declaration: type[Declaration], path: tuple[str, ...]) -> Iterator[str]:
    values = [key for key in keys_of(declaration) if key.table is None and key.tables is None]
    if values:
        yield f"\n## `[{'.'.join(path)}]`\n\n{named.description}\n"
        if named.tables is not None:
            yield f"`{path[-1]}` is {expectation(named.names)}.\n"
        yield "\n| key | value | default | meaning |\n|---|---|---|---|\n"
    for key in values:
        cells = (f"`{key.name}`", expectation(key.kind), _default(key), key.description)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
    yield from _sections(declaration, path)


def _default(key: Key) -> str:
    if key.default is NODEFAULT:
        return "required"
    return "absent" if key.default is None else f"`{_spelled(key.default)}`"


def _spelled(value: Any) -> str:  # noqa: ANN401 # any default
    match value:
        case bool() | int():
            return msgspec.json.encode(value).decode()
        case str():
            return describe(value)
        case tuple():
            return f"[{', '.join(_spelled(item) for item in value)}]"
        case _:
            return "{}"
