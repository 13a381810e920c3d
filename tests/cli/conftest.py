"""Commands are run in process, against a live authority where they need one."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from support.live import LiveAuthority, write_live
from tokenry.cli.commands import run


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAuthority]:
    authority = write_live(tmp_path_factory.mktemp("live"))
    operator = {
        "operator": "root",
        "token": authority.secrets["operator"],
        "admin_url": f"http://127.0.0.1:{authority.admin_port}",
        "issuer": authority.issuer,
    }
    file = authority.data / "operator.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(operator))
    with authority.processes:
        authority.start()
        yield authority


@pytest.fixture
def tokenry(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path
) -> Command:
    """Run one command in an empty folder, with nothing of Tokenry in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "ADMIN_URL", "OPERATOR_TOKEN", "CA_FILE", "ISSUER", "CLIENT_SECRET"):
        monkeypatch.delenv(f"TOKENRY_{name}", raising=False)

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        status = run(arguments)
        printed = capsys.readouterr()
        return Ran(int(status), printed.out, printed.err)

    return command


@pytest.fixture
def administer(tokenry: Command, live: LiveAuthority, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run one command as the operator of the live authority."""
    monkeypatch.setenv("TOKENRY_DATA", str(live.data))
    return tokenry
