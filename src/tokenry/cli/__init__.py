"""The command line: a file per command group; it speaks to the admin API only.

Floor 9. Owns arguments, exit statuses and what people read; decides nothing. Start with
`commands`, which names every command and loads each when it is called.
"""


def main() -> int:
    """Run the command that the arguments name. Returns the exit status."""
    from tokenry.cli.commands import run

    return run()
