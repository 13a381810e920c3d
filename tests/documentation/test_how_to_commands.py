"""The commands of the how-to guides print what the page shows, on a fresh authority."""

import pytest

STARTED = """\
$ tokenry init --public-port 8400 --admin-port 8401
$ tokenry serve &
...
http://127.0.0.1:8400 is served; SIGTERM or Ctrl+C stops it, SIGHUP reads the blueprint
"""


@pytest.mark.parametrize(
    "page",
    [
        "how-to/revoke-tokens.md",
        "how-to/rotate-secrets-and-keys.md",
        "how-to/back-up-and-restore.md",
    ],
)
def test_the_commands_of_a_guide_work_as_shown(page, run_page):
    run_page(page, first=STARTED)
