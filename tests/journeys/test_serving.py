"""`tokenry serve` tells clearly why it cannot, and does nothing by halves."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.live import LiveAuthority, write_live
from support.requirement import requirement


def serve(directory: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tokenry",
            "serve",
            "--blueprint",
            str(directory / "tokenry.toml"),
            "--data",
            str(directory / "data"),
            *more,
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_second_serve_on_one_directory_is_refused_and_the_first_goes_on(live: LiveAuthority):
    ran = serve(live.directory)
    assert ran.returncode != 0
    assert str(live.data) in ran.stderr
    assert "Traceback" not in ran.stderr
    assert live.request_token().status == 200


def test_a_taken_port_names_the_listener(live: LiveAuthority, tmp_path):
    other = write_live(tmp_path)
    text = (tmp_path / "tokenry.toml").read_text()
    text = text.replace(f"port = {other.admin_port}", f"port = {live.admin_port}")
    (tmp_path / "tokenry.toml").write_text(text)
    ran = serve(tmp_path)
    assert ran.returncode != 0
    assert "listeners.admin" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_wrong_blueprint_names_every_path_and_serves_nothing(tmp_path):
    write_live(tmp_path)
    file = tmp_path / "tokenry.toml"
    file.write_text(file.read_text() + '\n[resource_servers.late]\naudiense = "https://late"\n')
    ran = serve(tmp_path)
    assert ran.returncode != 0
    assert "resource_servers.late" in ran.stderr
    assert "audiense" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_database_newer_than_the_code_is_refused_untouched(tmp_path):
    authority = write_live(tmp_path)
    with authority.processes:
        authority.start()
        authority.stop()
    (database,) = authority.data.glob("*.db")
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    ran = serve(tmp_path)
    assert ran.returncode != 0
    assert "newer" in ran.stderr
    assert "Traceback" not in ran.stderr


@requirement("R-15")
@pytest.mark.parametrize("url", ["http://auth.example", "http://10.0.0.1:8400"])
def test_plain_http_issuers_stand_on_loopback_only(tmp_path, url):
    authority = write_live(tmp_path)
    file = tmp_path / "tokenry.toml"
    file.write_text(file.read_text().replace(authority.issuer, url))
    ran = serve(tmp_path)
    assert ran.returncode != 0
    assert "issuer.url" in ran.stderr


def test_an_issuer_with_a_path_has_its_metadata_inserted_at_the_root(tmp_path):
    authority = write_live(tmp_path, issuer_path="/tenants/one")
    with authority.processes:
        authority.start()
        authority_path = "/.well-known/oauth-authorization-server/tenants/one"
        authority.issuer_path = ""
        metadata = authority.send("GET", authority_path).json
        authority.issuer_path = "/tenants/one"
        assert metadata["issuer"] == authority.issuer
        assert metadata["token_endpoint"] == f"{authority.issuer}/token"
        assert authority.request_token().status == 200


def test_health_readiness_and_metrics_answer_on_the_admin_listener_only(live: LiveAuthority):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert live.admin("GET", path, authorization="").status == 200
        assert live.send("GET", path).status == 404


@requirement("G-5")
def test_a_lost_key_file_is_asked_for_and_not_replaced(tmp_path):
    authority = write_live(tmp_path)
    with authority.processes:
        authority.start()
        authority.stop()
    (key_file,) = authority.data.glob("*.key")
    key_file.rename(tmp_path / "elsewhere")
    ran = serve(tmp_path)
    assert ran.returncode != 0
    assert "restore it from its backup" in ran.stderr
    assert not key_file.exists()
    (tmp_path / "elsewhere").rename(key_file)
    with authority.processes:
        authority.start()
        assert authority.request_token().status == 200
