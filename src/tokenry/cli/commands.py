"""Every command by name; each is loaded when it is called, so that --help is quick."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

import msgspec
from cyclopts import App, CycloptsError

from tokenry import __version__
from tokenry.cli.failures import CommandFailed, ExitStatus
from tokenry.cli.output import harmless

_HELP: Final = "Issue tokens, verify them everywhere, and take them back: the authority's tools."
_EPILOGUE: Final = (
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 authority not reachable,"
    " 4 not authorised."
)

COMMANDS: Final = {
    "init": (
        "tokenry.cli.init:init",
        "Write a commented blueprint, and the credentials of a first operator.",
    ),
    "serve": (
        "tokenry.cli.serve:serve",
        "Run the authority until SIGINT or SIGTERM; SIGHUP applies the blueprint anew.",
    ),
    "demo": (
        "tokenry.cli.demo:demo",
        "Start an authority and two services, and show tokens issued, verified and taken back.",
    ),
    "revoke": (
        "tokenry.cli.revoke:revoke",
        "Take tokens back everywhere, at once. Give exactly one of the options.",
    ),
    "completion": ("tokenry.cli.completion:completion", "Print a completion script."),
}
"""Where each command is, and the first line of its help, to be listed without loading it."""

GROUPS: Final = {
    "blueprint": (
        "Check the file that declares an authority.",
        {"check": "tokenry.cli.blueprint:check"},
    ),
    "client": (
        "Register clients, suspend them, give them new secrets, remove them.",
        {
            "add": "tokenry.cli.client:add",
            "list": "tokenry.cli.client:list_",
            "suspend": "tokenry.cli.client:suspend",
            "resume": "tokenry.cli.client:resume",
            "rotate-secret": "tokenry.cli.client:rotate_secret",
            "remove": "tokenry.cli.client:remove",
        },
    ),
    "token": (
        "Ask for a token as a client does; look into one.",
        {"mint": "tokenry.cli.token:mint", "inspect": "tokenry.cli.inspection:inspect"},
    ),
    "feed": (
        "Watch revocations, and how far verifiers have come.",
        {"tail": "tokenry.cli.feed:tail", "lag": "tokenry.cli.feed:lag"},
    ),
    "audit": ("Read the record of what was done.", {"tail": "tokenry.cli.audit:tail"}),
    "keys": (
        "See signing keys, and bring in new ones.",
        {"list": "tokenry.cli.keys:list_", "rotate": "tokenry.cli.keys:rotate"},
    ),
}
"""What each group is for, and where its commands are."""


def app(called: str | None = None, *, whole: bool = False) -> App:
    """Return the command line, for a call of the command or group `called`.

    What is not called is listed by the lines here and not loaded, unless `whole` asks for all.
    """
    root = App(
        name="tokenry",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        version=__version__,
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for name, (target, line) in COMMANDS.items():
        if whole or called == name:
            root.command(_load(target), name=name)
        else:
            root.command(target, name=name, help=line)
    for name, (purpose, commands) in GROUPS.items():
        group = App(name=name, help=purpose)
        for command, target in commands.items():
            group.command(_load(target) if whole or called == name else target, name=command)
        root.command(group)
    return root


def _load(target: str) -> Callable[..., object]:
    module, _, function = target.partition(":")
    loaded: Callable[..., object] = getattr(import_module(module), function)
    return loaded


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and tell what went wrong, if anything. Returns the exit status."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        called = next((token for token in tokens if not token.startswith("-")), None)
        result = app(called)(
            tokens, exit_on_error=False, print_error=True, result_action="return_value"
        )
    except CycloptsError:
        return ExitStatus.USAGE
    except CommandFailed as failure:
        _tell(failure, as_json="--json" in tokens)
        return failure.status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # Who read us has had enough; nothing more can be told, and nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.OK
    return result if isinstance(result, int) else ExitStatus.OK


def _tell(failure: CommandFailed, *, as_json: bool) -> None:
    if as_json:
        told = {
            "error": failure.message,
            "next": failure.next_step,
            "exit_status": failure.status,
        }
        sys.stderr.write(msgspec.json.encode(told).decode() + "\n")
        return
    for line in f"tokenry: {failure.message}".splitlines():
        sys.stderr.write(harmless(line) + "\n")
    if failure.next_step:
        sys.stderr.write(f"  {harmless(failure.next_step)}\n")
