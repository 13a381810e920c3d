"""Commands against a live authority: what an operator does in a day, and what the shell is told."""

import base64
import json
import re
import time

import pytest

from support.requirement import requirement
from tokenry.cli.failures import ExitStatus
from tokenry.jose import Algorithm, PrivateKey
from tokenry.vocabulary.selectors import SelectorKind, selector


def pem(key: PrivateKey) -> str:
    body = base64.b64encode(key.to_pkcs8()).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


def mint(administer, monkeypatch, live, client="shop", *more):
    monkeypatch.setenv("TOKENRY_CLIENT_SECRET", live.secrets[client])
    ran = administer(
        "token", "mint", "--client", client, "--resource", live.audience("orders"), *more
    )
    monkeypatch.delenv("TOKENRY_CLIENT_SECRET")
    return ran


@requirement("R-30", "R-33")
def test_a_client_is_added_used_suspended_resumed_and_removed(administer, monkeypatch, live):
    added = administer(
        "client", "add", "till", "--name", "Till", "--access", "orders=orders.read", "--json"
    )
    assert added.status == ExitStatus.OK
    assert added.json["access"] == {"orders": ["orders.read"]}
    live.secrets["till"] = added.json["client_secret"]
    token = mint(administer, monkeypatch, live, "till").out.strip()
    assert live.introspect(token)["active"] is True

    suspended = administer("client", "suspend", "till")
    assert suspended.status == ExitStatus.OK
    assert "no new ones are issued" in suspended.out
    assert live.introspect(token) == {"active": False}
    refused = mint(administer, monkeypatch, live, "till")
    assert refused.status == ExitStatus.NOT_AUTHORISED
    assert "invalid_client" in refused.err
    assert refused.out == ""

    assert administer("client", "resume", "till").out == "Resumed till.\n"
    assert mint(administer, monkeypatch, live, "till").status == ExitStatus.OK
    assert administer("client", "remove", "till").status == ExitStatus.OK
    clients = administer("client", "list", "--json").json["clients"]
    assert [client["client_id"] for client in clients] == ["kiosk", "robot", "shop"]


def test_a_client_is_registered_with_the_public_half_of_its_key(
    administer, monkeypatch, live, tmp_path
):
    key = PrivateKey.generate(Algorithm.ES256)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.public.to_jwk()]}))
    (tmp_path / "key.pem").write_text(pem(key))
    added = administer(
        "client",
        "add",
        "machine",
        "--jwks",
        "jwks.json",
        "--access",
        "orders=orders.read",
        "--json",
    )
    assert (added.json["auth"], added.json["keys"]) == ("private_key_jwt", 1)
    arguments = ("--client", "machine", "--key-file", "key.pem", "--scope", "orders.read", "--json")
    minted = administer("token", "mint", *arguments)
    assert minted.status == ExitStatus.OK, minted.err
    assert minted.json["token_type"] == "Bearer"
    administer("client", "remove", "machine")


@requirement("R-10")
def test_a_private_key_never_leaves_this_machine(administer, tmp_path):
    jwk = {**PrivateKey.generate(Algorithm.ES256).public.to_jwk(), "d": "c2VjcmV0"}
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    ran = administer("client", "add", "burnt", "--jwks", "jwks.json")
    assert ran.status == ExitStatus.REFUSED
    assert "take this key out of use" in ran.err
    assert "c2VjcmV0" not in ran.err


@requirement("R-30")
def test_a_secret_is_rotated_with_an_overlap(administer, live):
    administer("client", "add", "till2", "--access", "orders=orders.read")
    rotated = administer("client", "rotate-secret", "till2", "--overlap", "60", "--json").json
    assert rotated["client_secret"].startswith("tks_")
    old, new = rotated["secrets"]
    assert old["expires_at"] - new["created_at"] == 60_000
    told = administer("client", "rotate-secret", "till2", "--overlap", "0")
    assert "client_secret" in told.out
    assert "shown this once" in told.out
    administer("client", "remove", "till2")


@requirement("R-30")
@pytest.mark.parametrize(
    "kind", [kind for kind in SelectorKind if kind not in {SelectorKind.KEY, SelectorKind.ISSUER}]
)
def test_each_kind_can_be_revoked_by_its_own_option(administer, live, kind):
    revoked = administer("revoke", f"--{kind}", "-id-of-nothing", "--json")
    assert revoked.status == ExitStatus.OK, revoked.err
    assert revoked.json["selector"] == selector(live.issuer, kind, "-id-of-nothing").hex()


@requirement("R-30")
def test_everything_of_the_issuer_can_be_revoked(administer, live, monkeypatch):
    token = mint(administer, monkeypatch, live).out.strip()
    revoked = administer("revoke", "--issuer", live.issuer)
    assert re.fullmatch(r"Revoked as \d+\. Ends the tokens that exist; new .*\n", revoked.out)
    assert live.introspect(token) == {"active": False}


@requirement("R-30")
def test_a_token_is_revoked_as_pasted_or_piped_and_twice_is_once(
    administer, live, monkeypatch, tmp_path
):
    token = mint(administer, monkeypatch, live).out.strip()
    assert "Revoked as" in administer("revoke", "--token", token).out
    with (tmp_path / "token").open("w+") as stdin:
        stdin.write(token + "\n")
        stdin.seek(0)
        monkeypatch.setattr("sys.stdin", stdin)
        assert "Was revoked before" in administer("revoke", "--token", "-").out
    assert live.introspect(token) == {"active": False}


@requirement("R-05")
def test_keys_are_listed_and_rotated(administer):
    before = administer("keys", "list", "--json").json["keys"]
    assert {(key["use"], key["state"]) for key in before} == {
        ("token", "active"),
        ("feed", "active"),
    }
    announced = administer("keys", "rotate", "--json").json
    assert announced["state"] == "announced"
    again = administer("keys", "rotate")
    assert again.status == ExitStatus.REFUSED
    assert "announced already" in again.err
    assert announced["kid"] in administer("keys", "list").out


@requirement("R-60")
def test_the_record_is_read_from_the_end_or_from_a_number(administer):
    administer("revoke", "--jti", "for-the-record")
    (newest,) = administer("audit", "tail", "-n", "1", "--json").lines
    assert newest["entry"]["detail"]["id"] == "for-the-record"
    after = str(newest["id"] - 1)
    assert administer("audit", "tail", "--after", after, "--json").lines == [newest]
    line = administer("audit", "tail", "-n", "1").out
    assert line.startswith(f"{newest['id']}  20")
    assert "operator:root" in line
    assert "id=for-the-record" in line


def test_the_feed_is_read_from_a_number(administer):
    revoked = administer("revoke", "--jti", "in-the-feed", "--json").json
    (number,) = revoked["numbers"]
    (record,) = administer("feed", "tail", "--after", str(number - 1), "--once", "--json").lines
    assert (record["seq"], record["selector"]) == (number, revoked["selector"])
    text = administer("feed", "tail", "--after", str(number - 1), "--once").out
    assert text.startswith(f"{number}  selector  {revoked['selector']}  kept until 20")


@requirement("R-31")
def test_lag_shows_verifiers_that_have_reported(administer, live):
    assert administer("feed", "lag").out == "No verifier has reported lately.\n"
    head = live.admin("GET", "/admin/v1/issuer").json["head"]
    credentials = base64.b64encode(f"orders:{live.secrets['orders']}".encode()).decode()
    position = {
        "version": 1,
        "instance": "i" * 22,
        "head": head,
        "closed": int(time.time() * 1000),
        "lag_ms": 17,
        "keys": [],
    }
    answer = live.send(
        "POST", "/feed/position", json=position, authorization=f"Basic {credentials}"
    )
    assert answer.status == 204, answer
    shown = administer("feed", "lag").out
    assert "orders" in shown
    assert "17 ms" in shown


def test_a_token_is_decoded_and_said_to_be_unproven(administer, live, monkeypatch):
    token = mint(administer, monkeypatch, live).out.strip()
    shown = administer("token", "inspect", token)
    assert shown.status == ExitStatus.OK
    assert "Not verified" in shown.out
    assert live.audience("orders") in shown.out
    document = administer("token", "inspect", token, "--json").json
    assert document["claims"]["client_id"] == "shop"
    assert "verified" not in document


@requirement("R-40")
def test_a_token_is_verified_by_the_published_keys(administer, live, monkeypatch):
    token = mint(administer, monkeypatch, live).out.strip()
    assert administer("token", "inspect", token, "--verify").status == ExitStatus.OK
    header, payload, signature = token.split(".")
    flipped = ("A" if signature[10] != "A" else "B").join([signature[:10], signature[11:]])
    forged = administer("token", "inspect", f"{header}.{payload}.{flipped}", "--verify", "--json")
    assert forged.status == ExitStatus.REFUSED
    assert forged.json["verified"] is False
    assert forged.json["problems"] == ["the signature does not fit key and content"]


def test_an_expired_token_and_one_of_another_issuer_are_told_apart(administer, live, monkeypatch):
    token = mint(administer, monkeypatch, live).out.strip()
    monkeypatch.setattr("tokenry.cli.inspection.time.time", lambda: time.time_ns())
    expired = administer("token", "inspect", token, "--verify", "--json").json
    assert [problem[:13] for problem in expired["problems"]] == ["it expired at"]
    monkeypatch.undo()


def test_an_opaque_token_says_nothing_by_itself(administer, live):
    ran = administer("token", "inspect", live.token(service="vault"))
    assert ran.status == ExitStatus.REFUSED
    assert "introspect" in ran.err


@pytest.mark.parametrize("token", ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "x" * 20_000])
def test_what_is_no_token_is_said_to_be_none(administer, token):
    ran = administer("token", "inspect", token)
    assert ran.status == ExitStatus.REFUSED
    assert "not a token" in ran.err


@pytest.mark.parametrize("method", [(), ("--post",)])
def test_mint_says_what_the_authority_says(administer, live, monkeypatch, method):
    client = "kiosk" if method else "shop"
    answer = mint(administer, monkeypatch, live, client, *method, "--json")
    assert answer.json["expires_in"] == 300
    wrong = mint(administer, monkeypatch, live, client, *method, "--scope", "orders.erase")
    assert wrong.status == ExitStatus.REFUSED
    assert "invalid_scope" in wrong.err
    assert "tokenry client list" in wrong.err


def test_mint_reads_the_secret_from_a_file(administer, live, tmp_path):
    (tmp_path / "secret").write_text(live.secrets["shop"] + "\n")
    ran = administer(
        "token", "mint", "--client", "shop", "--secret-file", "secret", "--scope", "orders.read"
    )
    assert ran.out.count(".") == 2
    assert ran.err == "expires in 300 s\n"


def test_mint_trusts_only_the_metadata_of_the_issuer_it_was_given(administer, live, monkeypatch):
    monkeypatch.setenv("TOKENRY_CLIENT_SECRET", live.secrets["shop"])
    other = live.issuer.replace("127.0.0.1", "localhost")
    ran = administer("token", "mint", "--client", "shop", "--issuer", other)
    assert ran.status == ExitStatus.REFUSED
    assert "exactly as the authority publishes it" in ran.err
    beside = administer("token", "mint", "--client", "shop", "--issuer", f"{live.issuer}/t1")
    assert "check --issuer" in beside.err


@requirement("R-53")
def test_a_token_that_nobody_knows_is_not_authorised(administer, live):
    ran = administer("keys", "list", "--operator-token", "tko_wrong")
    assert ran.status == ExitStatus.NOT_AUTHORISED
    assert "does not know this operator token" in ran.err
    assert "tko_wrong" not in ran.err


def test_the_public_listener_is_told_from_the_admin_listener(administer, live):
    ran = administer("keys", "list", "--admin-url", live.issuer)
    assert ran.status == ExitStatus.REFUSED
    assert "it is the admin listener" in ran.err


def test_an_unknown_client_is_refused(administer):
    for act in ("suspend", "resume", "rotate-secret", "remove"):
        ran = administer("client", act, "nobody")
        assert (ran.status, ran.out) == (ExitStatus.REFUSED, "")
        assert ran.err == "tokenry: There is no client with this id.\n"


@pytest.mark.parametrize("client_id", ["../keys", "a/b", "a?b", "%2e%2e", "..", "é", "a b"])
def test_an_id_is_never_taken_for_a_path(administer, client_id):
    ran = administer("client", "suspend", client_id)
    assert ran.status in {ExitStatus.REFUSED, ExitStatus.USAGE}
    assert ran.out == ""


@requirement("R-51")
def test_a_failure_is_one_json_document_for_programs(administer):
    ran = administer("client", "suspend", "nobody", "--json")
    assert json.loads(ran.err) == {
        "error": "There is no client with this id.",
        "next": "",
        "exit_status": 1,
    }


def test_what_others_wrote_commands_no_terminal(administer):
    administer(
        "client", "add", "odd", "--name", "\x1b[31mred\x07[bold]x", "--access", "orders=orders.read"
    )
    listed = administer("client", "list").out
    assert "\x1b" not in listed
    assert "\x07" not in listed
    assert "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}[bold]x" in listed
    administer("client", "remove", "odd")
