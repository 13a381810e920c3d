"""Parsing, connections and exit statuses, without an authority."""

import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.requirement import requirement
from tokenry.blueprint.parse import parse_blueprint
from tokenry.cli.commands import COMMANDS, GROUPS, app, run
from tokenry.cli.failures import EXIT_MEANINGS, CommandFailed, ExitStatus
from tokenry.cli.reference import reference_page
from tokenry.runner import CannotListen

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
EVERY_COMMAND = [(name,) for name in COMMANDS] + [
    (group, command) for group, (_, commands) in GROUPS.items() for command in commands
]


def test_the_command_line_of_the_design_is_there():
    wanted = """init|serve|demo|blueprint check|client add|client list|client suspend|
        client rotate-secret|client remove|token mint|token inspect|revoke|feed tail|feed lag|
        audit tail|keys list|keys rotate""".replace("\n", "").split("|")
    assert {tuple(command.split()) for command in wanted} <= set(EVERY_COMMAND)


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_each_command_explains_itself(tokenry, command):
    ran = tokenry(*command, "--help")
    assert ran.status == ExitStatus.OK
    assert f"tokenry {' '.join(command)}" in ran.out
    if command != ("serve",) and command != ("completion",):
        assert "--json" in ran.out


def test_lines_in_the_list_are_those_of_the_commands(tokenry):
    whole = app(whole=True)
    for name, (_, line) in COMMANDS.items():
        assert whole[name].help.splitlines()[0] == line


def test_help_loads_no_command_and_no_http():
    probe = (
        "import sys; from tokenry.cli.commands import run; run(['--help']);"
        "loaded = {'httpx2', 'starlette', 'uvicorn', 'tokenry.assembly', 'tokenry.cli.client',"
        " 'cryptography'} & set(sys.modules); sys.exit(', '.join(sorted(loaded)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_page_in_the_repository_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference_page(), "run `make docs` and commit it"


def test_every_exit_status_is_documented():
    page = reference_page()
    assert set(EXIT_MEANINGS) == set(ExitStatus)
    for status, meaning in EXIT_MEANINGS.items():
        assert f"| {status.value} | {meaning} |" in page
    for command in EVERY_COMMAND:
        assert f"### tokenry {' '.join(command)}\n" in page


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_learn_the_commands(tokenry, shell):
    script = tokenry("completion", shell).out
    assert "rotate-secret" in script
    assert "--confirmation" in script or "confirmation" in script


@pytest.mark.parametrize(
    "arguments",
    [
        ("clinet",),
        ("client", "lst"),
        ("client", "suspend"),
        ("client", "suspend", "a", "b"),
        ("client", "list", "--jsn"),
        ("client", "add", "x", "--auth", "none"),
        ("client", "rotate-secret", "x", "--overlap", "soon"),
        ("keys", "rotate", "--algorithm", "HS256"),
        ("completion", "tcsh"),
        ("revoke",),
        ("revoke", "--jti", "a", "--grant", "b"),
        ("revoke", "--token", "a", "--jti", "b"),
        ("client", "add", "x", "--access", "orders"),
        ("client", "add", "x", "--access", "=a"),
        ("client", "add", "x", "--access", "orders= "),
        ("token", "mint", "--client", "shop", "--issuer", "http://127.0.0.1:1"),
        ("token", "mint", "--client", "shop", "--secret", "x"),
        ("token", "mint", "--client", "x", "--secret", "y", "--issuer", "http://auth.example"),
        ("keys", "list", "--admin-url", "http://auth.example", "--operator-token", "x"),
        ("keys", "list", "--admin-url", "ftp://127.0.0.1", "--operator-token", "x"),
        ("keys", "list", "--admin-url", "127.0.0.1:8401", "--operator-token", "x"),
        ("keys", "list"),
        ("serve", "--public-port", "65536"),
        ("serve", "--admin-port", "-1"),
    ],
)
def test_wrong_usage_is_status_2_and_prints_no_result(tokenry, arguments):
    ran = tokenry(*arguments)
    assert (ran.status, ran.out) == (ExitStatus.USAGE, "")
    assert ran.err


@pytest.fixture
def data(tmp_path):
    file = tmp_path / "tokenry-data" / "operator.json"
    file.parent.mkdir()
    file.touch(mode=0o600)
    file.write_text(
        json.dumps(
            {
                "operator": "first",
                "token": "tko_x",
                "admin_url": "http://127.0.0.1:1",
                "issuer": "http://127.0.0.1:2",
            }
        )
    )
    return file


def test_an_authority_that_is_not_there_is_status_3(tokenry, data):
    ran = tokenry("keys", "list")
    assert ran.status == ExitStatus.UNREACHABLE
    assert "cannot reach http://127.0.0.1:1" in ran.err
    assert "tokenry serve" in ran.err


@requirement("R-53")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_token_that_others_can_read_is_not_used(tokenry, data, mode):
    data.chmod(mode)
    ran = tokenry("keys", "list")
    assert ran.status == ExitStatus.REFUSED
    assert "chmod 600" in ran.err


@pytest.mark.parametrize("content", ["", "[]", '{"operator":"first"}', "\x00", "{" * 5000])
def test_an_operator_file_of_another_shape_is_said_to_be_so(tokenry, data, content):
    data.write_text(content)
    ran = tokenry("keys", "list")
    assert ran.status == ExitStatus.REFUSED
    assert "not what `tokenry init` writes" in ran.err


def test_options_outrank_the_environment_and_that_outranks_the_file(tokenry, data, monkeypatch):
    def reached(*arguments):
        return tokenry("keys", "list", *arguments).err

    assert "http://127.0.0.1:1:" in reached()
    monkeypatch.setenv("TOKENRY_ADMIN_URL", "http://127.0.0.1:3")
    assert "http://127.0.0.1:3:" in reached()
    assert "http://127.0.0.1:4:" in reached("--admin-url", "http://127.0.0.1:4")


class Canned(http.server.BaseHTTPRequestHandler):
    answer = (200, b"{}")

    def do_GET(self):
        status, body = self.answer
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def canned():
    """A server that gives every GET one answer."""
    handler = type("Handler", (Canned,), {})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@requirement("R-41")
@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ((200, b"<html>"), ExitStatus.REFUSED, "not as an admin API does"),
        ((404, b"nothing"), ExitStatus.REFUSED, "not as an admin API does"),
        ((502, b""), ExitStatus.REFUSED, "not as an admin API does"),
        ((401, b'{"error":"e","error_description":"d"}'), ExitStatus.NOT_AUTHORISED, "not know"),
        ((403, b'{"error":"e","error_description":"needs audit"}'), 4, "needs audit"),
        ((503, b'{"error":"e","error_description":"d","trace_id":"t1"}'), 1, "trace t1"),
        ((500, b'{"error":"e","error_description":"d","trace_id":"t2"}'), 1, "trace t2"),
        ((409, b'{"error":"e","error_description":"in the way"}'), 1, "in the way"),
        ((200, b"[" * 100_000), ExitStatus.REFUSED, "not as an admin API does"),
        ((200, b'{"error":1}'), ExitStatus.REFUSED, "not as an admin API does"),
        ((200, b" " * (16 * 1024 * 1024 + 1)), ExitStatus.REFUSED, "more than"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_each_answer_becomes_a_status_and_a_next_step(tokenry, canned, answer, status, words):
    handler, url = canned
    handler.answer = answer
    ran = tokenry("keys", "list", "--admin-url", url, "--operator-token", "tko_x")
    assert (ran.status, ran.out) == (status, "")
    assert words in ran.err
    assert "tko_x" not in ran.err


@requirement("R-51")
def test_init_writes_what_serve_and_the_other_commands_need(tokenry, tmp_path):
    made = tokenry("init", "--json").json
    blueprint = parse_blueprint((tmp_path / "tokenry.toml").read_bytes())
    operator = json.loads((tmp_path / "tokenry-data" / "operator.json").read_bytes())
    assert operator["issuer"] == blueprint.issuer.url == made["issuer"]
    assert operator["token"] == made["operator"]["token"]
    assert made["client"]["client_id"] in blueprint.clients
    secrets = (
        operator["token"],
        made["client"]["client_secret"],
        made["resource_server"]["secret"],
    )
    assert [secret[:4] for secret in secrets] == ["tko_", "tks_", "tkv_"]
    text = (tmp_path / "tokenry.toml").read_text()
    assert not any(secret in text for secret in secrets)
    assert tokenry("blueprint", "check").status == ExitStatus.OK


@requirement("R-53")
def test_what_init_writes_is_for_its_owner_alone(tokenry, tmp_path):
    tokenry("init")
    assert (tmp_path / "tokenry-data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "tokenry-data" / "operator.json").stat().st_mode & 0o777 == 0o600


def test_init_shows_the_secrets_and_the_next_command(tokenry):
    told = tokenry("init").out
    assert told.count("tks_") == 2
    assert told.count("tkv_") == 1
    assert "tko_" not in told
    assert "\n  tokenry serve\n" in told


@pytest.mark.parametrize("existing", ["tokenry.toml", "tokenry-data/operator.json"])
def test_init_overwrites_nothing(tokenry, tmp_path, existing):
    (tmp_path / existing).parent.mkdir(exist_ok=True)
    (tmp_path / existing).write_text("mine")
    ran = tokenry("init")
    assert ran.status == ExitStatus.REFUSED
    assert f"{existing} exists" in ran.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.read_text() for path in files] == ["mine"]


def test_init_follows_no_link_that_somebody_laid(tokenry, tmp_path):
    (tmp_path / "tokenry-data").mkdir()
    (tmp_path / "tokenry-data" / "operator.json").symlink_to(tmp_path / "elsewhere")
    assert tokenry("init").status == ExitStatus.REFUSED
    assert not (tmp_path / "elsewhere").exists()


def test_init_takes_an_issuer_and_places(tokenry, tmp_path):
    ran = tokenry(
        "init", "--issuer", "https://auth.example", "--blueprint", "a.toml", "--data", "d/e"
    )
    assert "tokenry serve --blueprint a.toml --data d/e" in ran.out
    assert parse_blueprint((tmp_path / "a.toml").read_bytes()).issuer.url == "https://auth.example"


@pytest.mark.parametrize(
    "options",
    [
        ("--issuer", "https://auth.example/"),
        ("--issuer", 'https://auth.example/"\nx'),
        ("--public-port", "99999"),
        ("--public-port", "8401"),
    ],
)
def test_init_writes_nothing_that_would_not_start(tokenry, tmp_path, options):
    ran = tokenry("init", *options)
    assert ran.status == ExitStatus.REFUSED
    assert "make no blueprint" in ran.err
    assert list(tmp_path.iterdir()) == []


@requirement("R-51")
def test_check_tells_every_problem_and_is_status_1(tokenry, tmp_path):
    tokenry("init")
    file = tmp_path / "tokenry.toml"
    file.write_text(file.read_text().replace("lifetime = 300", "lifetme = 300\nleway = 1"))
    ran = tokenry("blueprint", "check")
    assert ran.status == ExitStatus.REFUSED
    first, second = ran.out.splitlines()
    assert first.startswith("tokenry.toml: resource_servers.orders.lifetme: expected one of ")
    assert 'did you mean "leeway"?' in second
    assert ran.err == "2 problems\n"
    document = tokenry("blueprint", "check", "tokenry.toml", "--json").json
    assert document["ok"] is False
    assert [problem["path"] for problem in document["problems"]] == [
        "resource_servers.orders.lifetme",
        "resource_servers.orders.leway",
    ]


def test_check_reads_key_sets_beside_the_file(tokenry, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.toml").write_text(
        '[issuer]\nurl = "https://auth.example"\n'
        '[clients.x]\nauth = "private_key_jwt"\njwks_file = "x.json"\n'
    )
    missing = tokenry("blueprint", "check", "sub/a.toml")
    assert 'clients.x.jwks_file: expected a readable JSON file, found "x.json"' in missing.out
    (tmp_path / "sub" / "x.json").write_text('{"keys":[]}')
    assert "1 to 16 keys" in tokenry("blueprint", "check", "sub/a.toml").out


def test_check_of_a_file_that_is_not_there(tokenry):
    ran = tokenry("blueprint", "check", "nowhere.toml")
    assert (ran.status, ran.out) == (ExitStatus.REFUSED, "")
    assert "tokenry init" in ran.err


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (KeyboardInterrupt(), ExitStatus.INTERRUPTED),
        (CommandFailed("no", next_step="yes"), ExitStatus.REFUSED),
    ],
)
def test_how_a_command_ends_is_told_to_the_shell(tokenry, monkeypatch, raised, status):
    def fail(*_arguments):
        raise raised

    monkeypatch.setattr("tokenry.cli.blueprint.load_blueprint_file", fail)
    assert tokenry("blueprint", "check").status == status


def test_serve_says_in_one_sentence_why_it_cannot(tokenry, tmp_path, monkeypatch):
    assert "cannot read tokenry.toml" in tokenry("serve").err
    tokenry("init")
    good = (tmp_path / "tokenry.toml").read_text()
    (tmp_path / "tokenry.toml").write_text(good.replace("lifetime", "lifetme"))
    wrong = tokenry("serve")
    assert wrong.status == ExitStatus.REFUSED
    assert "resource_servers.orders.lifetme" in wrong.err

    def cannot_listen(*_arguments, **_more):
        raise CannotListen("the public listener cannot use 127.0.0.1:1")

    monkeypatch.setattr("tokenry.serving.serve", cannot_listen)
    assert tokenry("serve").err == "tokenry: the public listener cannot use 127.0.0.1:1\n"


@requirement("R-15")
@pytest.mark.parametrize("option", ["--public-host", "--admin-host"])
def test_serve_takes_no_option_that_the_file_could_not_say(tokenry, tmp_path, option):
    tokenry("init")
    ran = tokenry("serve", option, "0.0.0.0")
    assert ran.status == ExitStatus.REFUSED
    assert f"{option}: expected a loopback address, or TLS" in ran.err
    assert [path.name for path in (tmp_path / "tokenry-data").iterdir()] == ["operator.json"]


def test_a_reader_that_has_had_enough_is_no_error(tmp_path):
    """As `tokenry ... | head -1` does: the pipe's other end is closed before anything is said."""
    script = "import sys; from tokenry.cli.commands import run; sys.exit(run(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "completion", "bash"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_version_is_told(tokenry):
    assert tokenry("--version").out.strip() == __import__("tokenry").__version__


def test_run_takes_the_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["tokenry", "completion", "fish"])
    assert run() == 0
    assert "tokenry" in capsys.readouterr().out
