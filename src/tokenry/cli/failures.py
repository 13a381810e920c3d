"""How a command ends: exit statuses, and failures that say what to do next."""

from enum import IntEnum
from typing import Final


class ExitStatus(IntEnum):
    """What the shell is told; `EXIT_MEANINGS` says what each means."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_AUTHORISED = 4
    INTERRUPTED = 130


EXIT_MEANINGS: Final = {
    ExitStatus.OK: "Done.",
    ExitStatus.REFUSED: (
        "Refused or failed: the authority said no, a file is wrong, a check did not hold."
    ),
    ExitStatus.USAGE: (
        "The command line is wrong, or the authority is not installed on this machine."
    ),
    ExitStatus.UNREACHABLE: ("The authority cannot be reached, or its certificate is not trusted."),
    ExitStatus.NOT_AUTHORISED: (
        "The token is missing, unknown or lacks the duty; or client authentication failed."
    ),
    ExitStatus.INTERRUPTED: "Ended by Ctrl-C.",
}
"""What each status means, for the reference page."""


class CommandFailed(Exception):
    """A command that did not do what was asked. `next_step` is what to do about it."""

    status = ExitStatus.REFUSED

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class WrongUsage(CommandFailed):
    """The arguments contradict each other or are incomplete."""

    status = ExitStatus.USAGE


class Unreachable(CommandFailed):
    """Nobody answered."""

    status = ExitStatus.UNREACHABLE


class NotAuthorised(CommandFailed):
    """Somebody answered, and does not accept who asks."""

    status = ExitStatus.NOT_AUTHORISED
