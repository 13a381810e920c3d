"""The reference page of the command line, written from the commands themselves."""

import re
from typing import Final

from tokenry.cli.commands import app
from tokenry.cli.failures import EXIT_MEANINGS

_USAGE: Final = re.compile(
    r"(?P<heading>^### (?P<command>tokenry [^\n]*)\n\n)"
    r"```console\n(?P=command)(?: -m \S+)?(?P<rest>[^\n]*)\n```",
    re.MULTILINE,
)
_OPENING: Final = """\
# The command line

<!-- Written from src/tokenry/cli by `make docs`; change it there. -->

`tokenry` comes with `pip install "tokenry[server]"`. Except for `init`, `serve`, `demo`,
`blueprint` and `completion`, every command speaks to a running authority: to the admin API, or,
for tokens, to the public endpoints as any client does.

- **Which authority.** `--data DIR` names a data directory whose `operator.json` has the address and
  the operator's token; `tokenry init` writes it. `--admin-url` and `--operator-token`, or
  `TOKENRY_ADMIN_URL` and `TOKENRY_OPERATOR_TOKEN`, take their place. An `operator.json` that others
  may read is refused. Tokens and secrets are sent over https, and over http to loopback alone.
- **For programs.** With `--json` a command prints one JSON document on stdout (one a line for
  those that follow something), and a failure as one JSON document on stderr: `error`, `next` and
  `exit_status`.
- **Safe to repeat.** Every act carries a fresh Idempotency-Key. After a lost answer, look before
  you ask again: revoking twice does no harm, adding twice makes two.

## Exit statuses

| status | meaning |
|---|---|
"""


def reference_page() -> str:
    """Return the whole page, in Markdown."""
    statuses = "".join(
        f"| {status.value} | {meaning} |\n" for status, meaning in EXIT_MEANINGS.items()
    )
    commands = app(whole=True).generate_docs(heading_level=2, max_heading_level=3)
    listing = commands.partition("**Commands**:")[2]
    # A line to look at, not a block to run; and named as its heading is, since Cyclopts names it
    # after however this process was started.
    listing = _USAGE.sub(r"\g<heading>`\g<command>\g<rest>`", listing)
    return f"{_OPENING}{statuses}\n## Commands{listing.rstrip()}\n"
