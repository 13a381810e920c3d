"""From the bytes of a file to a Blueprint, or to a list of everything that is wrong with it.

Reading goes key by key rather than through one conversion, since that would stop at its first
error. What each key may hold is declared; what keys may say together is in `checks`.
"""

import tomllib
from difflib import get_close_matches
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import msgspec

from tokenry.blueprint.checks import check_together, check_within
from tokenry.blueprint.declarations import Blueprint, Declaration
from tokenry.blueprint.problems import BlueprintError, Path, Problem, describe, spell_path
from tokenry.blueprint.shape import Key, expectation, is_secret, keys_of

MAX_BLUEPRINT_BYTES: Final = 8 * 1024 * 1024


def parse_blueprint(data: bytes) -> Blueprint:
    """Read a TOML file. Raises BlueprintError with every problem; nothing else, whatever the bytes.

    Files that it names are not opened here: see `key_sets.read_key_sets` for those of clients.
    """
    document = _load(data)
    reader = _Reader()
    blueprint = reader.table(Blueprint, document, ())
    problems = reader.problems
    for path, declaration in reader.understood.items():
        problems.extend(_at(path, found) for found in check_within(declaration))
    problems.extend(_at((), found) for found in check_together(document, reader.understood))
    if problems or blueprint is None:
        problems.sort(key=lambda problem: _place(document, problem[0]))
        raise BlueprintError([problem for _, problem in problems])
    return blueprint


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BLUEPRINT_BYTES:
        raise BlueprintError(
            [
                Problem(
                    path="",
                    expected=f"a file of at most {MAX_BLUEPRINT_BYTES} bytes",
                    found=f"{len(data)} bytes",
                )
            ]
        )
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        found = f"a byte that is not UTF-8 at offset {error.start}"
    except RecursionError:
        found = "arrays or tables nested too deeply"
    except ValueError as error:  # TOMLDecodeError, and integers longer than Python reads
        found = f"this: {error}"
    raise BlueprintError([Problem(path="", expected="a TOML 1.0 file", found=found)])


def _at(prefix: Path, found: tuple[Path, Problem]) -> tuple[Path, Problem]:
    path = prefix + found[0]
    return path, msgspec.structs.replace(found[1], path=spell_path(path))


def _place(document: object, path: Path) -> tuple[int, ...]:
    """Return where in the file a path stands, for sorting; what is missing comes last."""
    place = []
    for step in path:
        match document:
            case dict() if step in document:
                place.append(list(document).index(step))
                document = document[step]
            case list() if isinstance(step, int) and step < len(document):
                place.append(step)
                document = document[step]
            case _:
                place.append(len(document) if isinstance(document, dict) else 0)
                document = None
    return tuple(place)


D = TypeVar("D", bound=Declaration)


class _Reader:
    """Walks a document along the declarations, collecting problems and what was understood."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, Problem]] = []
        self.understood: dict[Path, Declaration] = {}

    def table(self, declaration: type[D], content: object, path: Path) -> D | None:
        """Read one table; None when anything in it could not be understood."""
        if not isinstance(content, dict):
            self._wrong(path, f"a table [{spell_path(path)}]", describe(content))
            return None
        keys = {key.name: key for key in keys_of(declaration)}
        for name in content.keys() - keys.keys():
            self._unknown((*path, name), list(keys))
        values: dict[str, Any] = {}
        for name, key in keys.items():
            if name in content:
                values[name] = self._content(key, content[name], (*path, name))
            elif key.required:
                values[name] = None
                self._missing(key, (*path, name))
        if None in values.values():
            return None
        understood = declaration(**values)
        self.understood[path] = understood
        return understood

    def _content(self, key: Key, content: object, path: Path) -> Any:  # noqa: ANN401 # what the key's type says
        if key.table is not None:
            return self.table(key.table, content, path)
        if key.tables is None:
            return self._value(key.kind, content, path)
        if not isinstance(content, dict):
            return self._wrong(path, "a table of tables", describe(content))
        if key.required and not content:
            return self._wrong(path, "at least one table in it", describe(content))
        tables = {}
        for name, table in content.items():
            # A table is read even below a wrong name, so that its own problems are told too.
            understood = self.table(key.tables, table, (*path, name))
            tables[name] = self._value(key.names, name, (*path, name)) and understood
        return tables if None not in tables.values() else None

    def _value(self, kind: Any, content: object, path: Path) -> Any:  # noqa: ANN401 # a type, and a value of it
        bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        before = len(self.problems)
        if get_origin(bare) is tuple and isinstance(content, list):
            for index, item in enumerate(content):
                self._value(get_args(bare)[0], item, (*path, index))
                if item in content[:index]:
                    self._wrong((*path, index), "no repetition", _repeated(kind, item))
        elif get_origin(bare) is dict and isinstance(content, dict):
            names, values = get_args(bare)
            for name, value in content.items():
                self._value(names, name, (*path, name))
                self._value(values, value, (*path, name))
        if len(self.problems) > before:
            return None
        try:
            return msgspec.convert(content, kind, strict=True)
        except msgspec.ValidationError:
            secret = is_secret(kind)
            hint = ""
            if secret and isinstance(content, str):
                hint = "if this is the secret itself, take it out of use: it is in a file now"
            return self._wrong(path, expectation(kind), describe(content, secret=secret), hint)

    def _missing(self, key: Key, path: Path) -> None:
        if key.table is not None or key.tables is not None:
            expected = f"a table [{spell_path(path)}{'.NAME' if key.tables is not None else ''}]"
        else:
            expected = expectation(key.kind)
        self._wrong(path, expected, "nothing")

    def _unknown(self, path: Path, known: list[str]) -> None:
        close = get_close_matches(str(path[-1]), known, n=1)
        hint = f'did you mean "{close[0]}"?' if close else ""
        self._wrong(path, f"one of {', '.join(known)}", "an unknown key", hint)

    def _wrong(self, path: Path, expected: str, found: str, hint: str = "") -> None:
        problem = Problem(path=spell_path(path), expected=expected, found=found, hint=hint)
        self.problems.append((path, problem))


def _repeated(kind: object, item: object) -> str:
    """Describe a repeated list item."""
    return f"{describe(item, secret=is_secret(kind))} again"
