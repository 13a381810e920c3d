"""What a command prints: for people on a terminal, or JSON for programs; never both.

Results go to stdout, remarks and failures to stderr. Text that came from elsewhere is made
harmless first: an escape sequence in a client's name must not command the operator's terminal.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

_WIDE: Final = 200
"""Columns where there is no terminal: a table in a pipe is not folded."""


class Output:
    """Prints the results of one command."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: object, human: Callable[["Console"], None]) -> None:
        """Print a result: as one JSON document, or as `human` shows it."""
        if self.as_json:
            self._json(document)
        else:
            human(console())

    def item(self, document: object, text: str) -> None:
        """Print one of many results that come over time, a line each, at once."""
        if self.as_json:
            self._json(document)
        else:
            sys.stdout.write(harmless(text) + "\n")
            sys.stdout.flush()

    def remark(self, text: str) -> None:
        """Say something beside the result, to stderr; nothing to a program."""
        if not self.as_json:
            sys.stderr.write(harmless(text) + "\n")

    def _json(self, document: object) -> None:
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        sys.stdout.flush()


def console() -> "Console":
    """Return a console on stdout, plain where that is not a terminal."""
    from rich.console import Console  # rich takes long to import

    width = None if sys.stdout.isatty() else _WIDE
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)


def print_table(
    to: "Console", columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str
) -> None:
    """Print a table without lines, or one sentence when there are no rows."""
    from rich.table import Table  # rich takes long to import

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(harmless(str(cell)) for cell in row))
    if table.row_count:
        to.print(table)
    else:
        to.print(empty)


def print_facts(to: "Console", facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, aligned; those without a value are left out."""
    shown = [(name, value) for name, value in facts if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        to.print(f"{name:<{width}}  {harmless(str(value))}", soft_wrap=True)


def harmless(text: str) -> str:
    """Replace everything that is not printable, so that a terminal takes no orders from it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def moment(milliseconds: int | None) -> str:
    """Show an instant (ms) in UTC, to the second."""
    if milliseconds is None:
        return "-"
    try:
        when = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def scopes_of(access: dict[str, Any]) -> str:
    """Show a client's access on one line."""
    return "; ".join(f"{name}: {' '.join(scopes)}" for name, scopes in access.items())
