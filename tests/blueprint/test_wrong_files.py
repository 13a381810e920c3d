"""Each mistake in a file is told at its path, with what was expected and what was found."""

import pytest

from blueprint.mistakes import GOOD, ISSUER, MISTAKES, Mistake
from support.requirement import requirement
from tokenry.blueprint.parse import MAX_BLUEPRINT_BYTES, parse_blueprint
from tokenry.blueprint.problems import BlueprintError, Problem


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(BlueprintError) as refused:
        parse_blueprint(text.encode())
    return refused.value.problems


def test_the_good_file_is_good() -> None:
    blueprint = parse_blueprint(GOOD.encode())
    assert blueprint.clients["shop"].access == {"orders": ("orders.read",)}
    assert blueprint.resource_servers["orders"].scopes["orders.read"].lifetime == 60
    assert blueprint.listeners.admin.port == 8401


@requirement("R-51")
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.path}: {mistake.by}")
def test_a_mistake_is_told_at_its_path(mistake: Mistake) -> None:
    assert mistake.replaced in GOOD
    found = {
        problem.path: problem for problem in problems_of(GOOD.replace(mistake.replaced, mistake.by))
    }
    assert mistake.path in found, list(found)
    problem = found[mistake.path]
    assert mistake.expected in problem.expected
    assert mistake.found in problem.found
    assert "\n" not in str(problem)


@requirement("R-51")
def test_all_mistakes_are_told_at_once_in_file_order() -> None:
    text = GOOD.replace(ISSUER, "1").replace('["revoke"]', '["fly"]').replace("60", "0")
    text = text.replace('["orders.read"]', '["orders.erase"]')
    assert [problem.path for problem in problems_of(text)] == [
        "issuer.url",
        'resource_servers.orders.scopes."orders.read".lifetime',
        "clients.shop.access.orders[0]",
        "operators.first.duties[0]",
    ]


@requirement("R-51")
def test_an_unknown_key_names_the_one_that_was_meant() -> None:
    problems = problems_of(GOOD.replace("lifetime", "lifetme"))
    assert [problem.hint for problem in problems] == ['did you mean "lifetime"?']


def test_a_mistake_in_one_table_does_not_hide_those_in_others() -> None:
    text = GOOD.replace('audience = "https://orders.example"', "").replace(
        '["orders.read"]', '["orders.erase"]'
    )
    assert [problem.path for problem in problems_of(text)] == [
        "resource_servers.orders.audience",
        "clients.shop.access.orders[0]",
    ]


def test_a_table_below_a_wrong_name_is_read_too() -> None:
    text = GOOD.replace("[operators.first]", '[operators."The First"]').replace("revoke", "fly")
    paths = [problem.path for problem in problems_of(text)]
    assert paths == ['operators."The First"', 'operators."The First".duties[0]']


@requirement("R-51")
@pytest.mark.parametrize(
    "key", ["[clients.shop]\nsecret_sha256", "[operators.first]\ntoken_sha256"]
)
def test_a_secret_put_where_its_digest_belongs_is_never_repeated(key: str) -> None:
    secret = "tks_Zm9yZ290dGVuIHRvIGhhc2ggdGhpcw"
    digest = "0123456789abcdef" * 4
    value = f'["{digest}"]' if "clients" in key else f'"{digest}"'
    assert f"{key} = {value}" in GOOD
    (problem,) = problems_of(
        GOOD.replace(f"{key} = {value}", f"{key} = {value}".replace(digest, secret))
    )
    assert secret not in str(problem)
    assert "take it out of use" in problem.hint


@pytest.mark.parametrize("digest", ["0123456789ABCDEF" * 4, "0123456789abcdef" * 3, "x" * 64])
def test_a_digest_has_64_lower_case_hex_digits(digest: str) -> None:
    problems = problems_of(GOOD.replace("0123456789abcdef" * 4, digest))
    assert [problem.path for problem in problems] == [
        "clients.shop.secret_sha256[0]",
        "operators.first.token_sha256",
    ]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"[issuer]\nurl 1\n", "line 2"),
        (b"a = 1\na = 2", "Cannot overwrite"),
        (b"\xff\xfe", "not UTF-8 at offset 0"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "digits"),
        (b" " * (MAX_BLUEPRINT_BYTES + 1), f"{MAX_BLUEPRINT_BYTES + 1} bytes"),
    ],
)
def test_what_is_not_toml_is_one_problem_of_the_whole_file(data: bytes, found: str) -> None:
    with pytest.raises(BlueprintError) as refused:
        parse_blueprint(data)
    (problem,) = refused.value.problems
    assert problem.path == ""
    assert found in problem.found


@requirement("G-7")
def test_a_shared_scope_must_be_marked_by_all_that_declare_it() -> None:
    one = GOOD.replace("scopes.pay", 'scopes."orders.write"')
    assert len(problems_of(one)) == 2
    both = one.replace('"orders.write" = {}', '"orders.write" = { shared = true }')
    assert parse_blueprint(both.encode()).resource_servers["payments"].scopes["orders.write"].shared


@requirement("R-15")
@pytest.mark.parametrize(
    "listener",
    [
        'host = "localhost"',
        'host = "127.8.9.10"',
        'host = "::1"',
        'host = "0.0.0.0"\ncertificate = "c.pem"\nkey = "k.pem"',
        'host = "0.0.0.0"\ntrusted_proxies = ["10.0.0.0/8", "::1"]\nproxy_prefix = "/auth"',
    ],
)
def test_a_listener_that_nobody_can_overhear_is_accepted(listener: str) -> None:
    parse_blueprint(f"{GOOD}\n[listeners.public]\nport = 0\n{listener}\n".encode())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8400", "http://localhost", "http://[::1]:1/t1", "https://a.b/t/1"]
)
def test_issuers_that_are_accepted(url: str) -> None:
    flag = "\nunsafe_http_on_loopback = true"
    assert parse_blueprint(GOOD.replace(ISSUER, f'"{url}"{flag}').encode()).issuer.url == url
