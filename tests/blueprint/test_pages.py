"""The starting file runs as it is, and the reference page lists every key."""

from pathlib import Path

from support.requirement import requirement
from tokenry.blueprint.declarations import Blueprint, Declaration
from tokenry.blueprint.parse import parse_blueprint
from tokenry.blueprint.reference import reference_page
from tokenry.blueprint.shape import keys_of
from tokenry.blueprint.template import StartingPoint, starting_blueprint

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "blueprint.md"
START = StartingPoint(
    operator_token_sha256="0" * 64,
    resource_server_secret_sha256="1" * 64,
    client_secret_sha256="2" * 64,
)


@requirement("R-51")
def test_the_starting_file_is_a_blueprint_that_can_issue_a_token() -> None:
    blueprint = parse_blueprint(starting_blueprint(START).encode())
    (client,) = blueprint.clients.values()
    (server,) = blueprint.resource_servers.values()
    (operator,) = blueprint.operators.values()
    assert client.secret_sha256 == ("2" * 64,)
    assert set(client.access["orders"]) == server.scopes.keys()
    assert set(operator.duties) == {"clients", "revoke", "keys", "audit", "feed"}


def test_a_starting_file_for_production_is_a_blueprint() -> None:
    start = StartingPoint(
        issuer="https://auth.example",
        operator="alice",
        operator_token_sha256="0" * 64,
        resource_server="stock",
        audience='https://stock.example/"quoted"'.replace('"', "%22"),
        resource_server_secret_sha256="1" * 64,
        client="web.shop".replace(".", "-"),
        client_secret_sha256="2" * 64,
    )
    blueprint = parse_blueprint(starting_blueprint(start).encode())
    assert not blueprint.issuer.unsafe_http_on_loopback
    assert blueprint.clients["web-shop"].access == {"stock": ("stock.read", "stock.write")}


@requirement("R-51")
def test_the_starting_file_explains_every_table_it_writes() -> None:
    lines = starting_blueprint(START).splitlines()
    for number, line in enumerate(lines):
        if line.startswith("[") and ".scopes." not in line:
            around = lines[number - 1], lines[number + 1]
            assert any(near.startswith("#") for near in around), line


def all_declarations(declaration: type[Declaration]) -> set[type[Declaration]]:
    inner = {key.table or key.tables for key in keys_of(declaration)} - {None}
    return {declaration, *(found for table in inner for found in all_declarations(table))}


@requirement("R-51")
def test_the_page_has_every_key_with_its_meaning() -> None:
    page = reference_page()
    for declaration in all_declarations(Blueprint):
        for key in keys_of(declaration):
            assert key.description, f"{declaration.__name__}.{key.name} says nothing"
            if key.table is None and key.tables is None:
                assert f"| `{key.name}` |" in page


def test_the_page_in_the_repository_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), "run `make docs` and commit it"
