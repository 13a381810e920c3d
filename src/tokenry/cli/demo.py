"""`tokenry demo`: the story, told by running it."""

from importlib import import_module
from typing import Annotated

from cyclopts import Parameter

from tokenry.cli.connection import Json


def demo(
    *,
    once: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="End after the last step; else stay up to be tried.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Start an authority and two services, and show tokens issued, verified and taken back.

    Exits 0 only if every step went as told. With --json prints one document and implies --once.
    """
    # By name: the demo drives this very command, and neither is built on the other.
    return int(import_module("tokenry.demo").run(once=once, as_json=json))
