"""`tokenry completion`: a script that teaches a shell these commands."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Which shell.")],
    /,
) -> None:
    """Print a completion script.

    For bash: tokenry completion bash > ~/.local/share/bash-completion/completions/tokenry
    """
    from tokenry.cli.commands import app  # it lists this command

    sys.stdout.write(app(whole=True).generate_completion(prog_name="tokenry", shell=shell))
