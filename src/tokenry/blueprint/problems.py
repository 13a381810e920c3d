"""How a wrong blueprint is told: every problem at its path, what was expected, what was found."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

_BARE_KEY: Final = re.compile(r"^[A-Za-z0-9_-]+\Z")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LONGEST_SHOWN: Final = 60

Step = str | int
Path = tuple[Step, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that is wrong. `path` is in TOML spelling, empty for the file as a whole."""

    path: str
    expected: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        """Return one line without a line break."""
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}expected {self.expected}, found {self.found}{hint}"


class BlueprintError(Exception):
    """The file is wrong. `problems` lists everything that is, at least one, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def spell_path(path: Path) -> str:
    """Spell a path as TOML does: bare keys where that is possible, quoted ones elsewhere."""
    spelled = ""
    for step in path:
        if isinstance(step, int):
            spelled += f"[{step}]"
        else:
            spelled += ("." if spelled else "") + spell_key(step)
    return spelled


def spell_key(key: str) -> str:
    """Spell one key as TOML does."""
    return key if _BARE_KEY.match(key) else f'"{_escape(key)}"'


def describe(value: object, *, secret: bool = False) -> str:
    """Say what was found, short and on one line; of a possible secret only its length."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() if secret:
            return f"a string of {len(value)} characters"
        case str():
            return f'"{_escape(_shorten(value))}"'
        case int() if abs(value) < 10**18:
            return f"the integer {value}"
        case int():
            return "an integer of more than 18 digits"
        case float():
            return f"the number {value}"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case dict():
            return "a table" if value else "an empty table"
        case _:
            return f"the {type(value).__name__} {_shorten(str(value))}"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(char) or _printable(char) for char in text)


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"
