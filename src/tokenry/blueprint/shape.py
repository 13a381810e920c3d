"""The declarations as a tree of keys: what parsing walks, and what the reference page prints."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta

from tokenry.blueprint.declarations import Declaration

_TYPE_WORDS: Final[dict[object, str]] = {str: "a string", int: "an integer", bool: "true or false"}


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a table: what it holds, whether it must be there, and what it means.

    Of `table` and `tables` at most one is set: the key holds a table of that declaration, or tables
    of it by free names of kind `names`. Otherwise the key holds a value of `kind`.
    """

    name: str
    kind: Any
    description: str
    default: Any
    table: type[Declaration] | None = None
    tables: type[Declaration] | None = None
    names: Any = None

    @property
    def required(self) -> bool:
        """Say whether a file without this key is wrong."""
        return self.default is NODEFAULT


def keys_of(declaration: type[Declaration]) -> Iterator[Key]:
    """Yield the keys of a table in the order they are declared."""
    hints = get_type_hints(declaration, include_extras=True)
    for field in msgspec.structs.fields(declaration):
        kind, metas = _unwrap(hints[field.name])
        description = next((meta.description for meta in metas if meta.description), "")
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        key = Key(
            name=field.encode_name,
            kind=hints[field.name],
            description=description,
            default=default,
        )
        if isinstance(kind, type) and issubclass(kind, Declaration):
            key = msgspec.structs.replace(key, table=kind)
        elif get_origin(kind) is dict:
            names, values = get_args(kind)
            if isinstance(values, type) and issubclass(values, Declaration):
                key = msgspec.structs.replace(key, tables=values, names=names)
        yield key


def expectation(kind: object) -> str:
    """Say in words what a value of a declared type looks like."""
    kind, metas = _unwrap(kind)
    for meta in metas:
        if meta.extra and "expected" in meta.extra:
            return str(meta.extra["expected"])
    origin = get_origin(kind)
    if origin is Literal:
        return _one_of([f'"{choice}"' for choice in get_args(kind)])
    if origin in {Union, UnionType}:
        return _one_of([expectation(part) for part in get_args(kind) if part is not NoneType])
    if origin is tuple:
        limits = _limits(metas, "element")
        return f"a list{limits}, each {expectation(get_args(kind)[0])}"
    if origin is dict:
        names, values = get_args(kind)
        return f"a table, each key {expectation(names)}, each value {expectation(values)}"
    return _TYPE_WORDS[kind] + (_range(metas) if kind is int else _limits(metas, "character"))


def is_secret(kind: object) -> bool:
    """Say whether a wrong value may be a secret that was put there by mistake."""
    kind, metas = _unwrap(kind)
    if any(meta.extra and meta.extra.get("secret") for meta in metas):
        return True
    return any(is_secret(part) for part in get_args(kind) if part not in {NoneType, Ellipsis})


def _unwrap(kind: object) -> tuple[Any, list[Meta]]:
    if get_origin(kind) is not Annotated:
        return kind, []
    kind, *metas = get_args(kind)
    return kind, [meta for meta in metas if isinstance(meta, Meta)]


def _one_of(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _range(metas: list[Meta]) -> str:
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    return f" from {low} to {high}" if low is not None and high is not None else ""


def _limits(metas: list[Meta], unit: str) -> str:
    low = next((meta.min_length for meta in metas if meta.min_length), None)
    high = next((meta.max_length for meta in metas if meta.max_length), None)
    if low and high:
        return f" of {low} to {high} {unit}s"
    if high:
        return f" of at most {high} {unit}s"
    return f" of at least {low} {unit}{'s' if low > 1 else ''}" if low else ""
