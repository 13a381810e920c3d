"""Each mistake in a file is told at its path, with what was expected and what was found."""

from typing import NamedTuple

import pytest

from support.requirement import requirement
from tokenry.blueprint.parse import MAX_BLUEPRINT_BYTES, parse_blueprint
from tokenry.blueprint.problems import BlueprintError, Problem

GOOD = """
[issuer]
url = "https://auth.example"
[resource_servers.orders]
audience = "https://orders.example"
scopes."orders.read" = { lifetime = 60 }
scopes."orders.write" = {}
[resource_servers.payments]
audience = "https://payments.example"
scopes.pay = {}
[clients.shop]
secret_sha256 = ["DIGEST"]
access.orders = ["orders.read"]
[operators.first]
token_sha256 = "DIGEST"
duties = ["revoke"]
""".replace("DIGEST", "0123456789abcdef" * 4)


class Mistake(NamedTuple):
    """`replaced` in the good file becomes `by`; `expected` and `found` are parts of the words."""

    replaced: str
    by: str
    path: str
    expected: str
    found: str


ISSUER = '"https://auth.example"'
END = "[operators.first]"
MISTAKES = [
    Mistake(f"url = {ISSUER}", "", "issuer.url", "string", "nothing"),
    Mistake(f"[issuer]\nurl = {ISSUER}", "", "issuer", "a table [issuer]", "nothing"),
    Mistake(f"[issuer]\nurl = {ISSUER}", "issuer = 1", "issuer", "table", "the integer 1"),
    Mistake(ISSUER, "7", "issuer.url", "a string", "the integer 7"),
    Mistake(ISSUER, '"auth.example"', "issuer.url", "https URL", '"auth.example"'),
    Mistake(ISSUER, '"ftp://auth.example"', "issuer.url", "https URL", '"ftp:'),
    Mistake(ISSUER, '"https://"', "issuer.url", "https URL", '"https://"'),
    Mistake(ISSUER, '"https://[auth"', "issuer.url", "https URL", '"https://[auth"'),
    Mistake(ISSUER, '"https://auth.example:99999"', "issuer.url", "https URL", ":99999"),
    Mistake(ISSUER, '"http://auth.example"', "issuer.url", "not loopback", '"http://auth.example"'),
    Mistake(ISSUER, '"http://127.0.0.1:8400"', "issuer.url", "https URL", '"http://127.0.0.1'),
    Mistake(ISSUER, '"https://auth.example/"', "issuer.url", "without a trailing slash", '/"'),
    Mistake(ISSUER, '"https://auth.example/t1/"', "issuer.url", "without a trailing slash", '/"'),
    Mistake(ISSUER, '"https://auth.example?"', "issuer.url", "without query", '?"'),
    Mistake(ISSUER, '"https://auth.example/#x"', "issuer.url", "trailing slash", '#x"'),
    Mistake(ISSUER, '"https://auth.example/a#x"', "issuer.url", "without query and frag", '#x"'),
    Mistake(ISSUER, '"https://a:b@auth.example"', "issuer.url", "user information", "with it"),
    Mistake(ISSUER, '"https://Auth.example"', "issuer.url", '"https://auth.example"', "Auth"),
    Mistake(ISSUER, '"https://auth.example:443"', "issuer.url", "as it is compared", ":443"),
    Mistake(ISSUER, '"https://auth .example"', "issuer.url", "a host name", "auth .example"),
    Mistake(ISSUER, '"https://äuth.example"', "issuer.url", "in ASCII", "äuth"),
    Mistake(ISSUER, '"https://auth.example/a//b"', "issuer.url", "single slashes", "a//b"),
    Mistake(ISSUER, '"https://auth.example/../b"', "issuer.url", "single slashes", "../b"),
    Mistake(ISSUER, '"https://auth.example/a%62"', "issuer.url", "a path of", "a%62"),
    Mistake(ISSUER, '"https://auth.example\\n"', "issuer.url", "as it is compared", "\\n"),
    Mistake(END, "[listeners.public]\nhost='::1'\n" + END, "listeners.public.port", "0 to", "noth"),
    Mistake(
        END,
        "[listeners.public]\nport = 70000\n" + END,
        "listeners.public.port",
        "an integer from 0 to 65535",
        "the integer 70000",
    ),
    Mistake(
        END,
        '[listeners.public]\nport = 1\nhost = "0.0.0.0"\n' + END,
        "listeners.public.host",
        "loopback address, or TLS",
        '"0.0.0.0"',
    ),
    Mistake(
        END,
        '[listeners.admin]\nport = 1\nhost = "admin.example"\n' + END,
        "listeners.admin.host",
        "loopback address, or TLS",
        '"admin.example"',
    ),
    Mistake(
        END,
        '[listeners.public]\nport = 1\ncertificate = "c.pem"\n' + END,
        "listeners.public.key",
        "since certificate is set",
        "nothing",
    ),
    Mistake(
        END,
        '[listeners.public]\nport = 1\nkey = "k.pem"\n' + END,
        "listeners.public.certificate",
        "since key is set",
        "nothing",
    ),
    Mistake(
        END,
        '[listeners.public]\nport = 1\ntrusted_proxies = ["10.0.0.0/8", "10.0.0.1/8"]\n' + END,
        "listeners.public.trusted_proxies[1]",
        "network",
        '"10.0.0.1/8"',
    ),
    Mistake(
        END,
        '[listeners.public]\nport = 1\nproxy_prefix = "/auth"\n' + END,
        "listeners.public.trusted_proxies",
        "the proxy that strips",
        "nothing",
    ),
    Mistake(
        END,
        '[listeners.public]\nport=1\ntrusted_proxies=["::1"]\nproxy_prefix="auth/"\n' + END,
        "listeners.public.proxy_prefix",
        "a path such as",
        '"auth/"',
    ),
    Mistake(
        END,
        "[listeners.public]\nport = 8401\n" + END,
        "listeners.public.port",
        "different addresses",
        "8401 for both",
    ),
    Mistake(END, "[keys]\njwks_max_age = 0\n" + END, "keys.jwks_max_age", "from 1", "integer 0"),
    Mistake(
        '"https://orders.example"',
        '"orders"',
        "resource_servers.orders.audience",
        "an absolute URI",
        '"orders"',
    ),
    Mistake(
        '"https://orders.example"',
        '"https://orders.example#x"',
        "resource_servers.orders.audience",
        "without a fragment",
        "#x",
    ),
    Mistake(
        '"https://orders.example"',
        '"https://orders.example\\n"',
        "resource_servers.orders.audience",
        "an absolute URI",
        "\\n",
    ),
    Mistake(
        '"https://payments.example"',
        '"https://orders.example"',
        "resource_servers.payments.audience",
        "no other resource server",
        "that of resource_servers.orders",
    ),
    Mistake(
        "scopes.pay = {}",
        "scopes = {}",
        "resource_servers.payments.scopes",
        "at least one",
        "an empty table",
    ),
    Mistake(
        "scopes.pay = {}",
        "scopes = ['pay']",
        "resource_servers.payments.scopes",
        "a table of tables",
        "a list of 1",
    ),
    Mistake(
        "scopes.pay =",
        'scopes."pay now" =',
        'resource_servers.payments.scopes."pay now"',
        "a scope",
        '"pay now"',
    ),
    Mistake(
        "scopes.pay = {}",
        'scopes."orders.read" = { shared = true }',
        'resource_servers.orders.scopes."orders.read"',
        "no other resource server declares",
        "it in payments too",
    ),
    Mistake(
        "lifetime = 60",
        "lifetime = 301",
        'resource_servers.orders.scopes."orders.read".lifetime',
        "at most the resource server's lifetime of 300",
        "the integer 301",
    ),
    Mistake(
        "lifetime = 60",
        "lifetime = 60.0",
        'resource_servers.orders.scopes."orders.read".lifetime',
        "an integer from 1 to 86400",
        "the number 60.0",
    ),
    Mistake(
        "lifetime = 60",
        "lifetime = true",
        'resource_servers.orders.scopes."orders.read".lifetime',
        "an integer",
        "true",
    ),
    Mistake(
        "scopes.pay = {}",
        "scopes.pay = {}\nlifetime = 86401",
        "resource_servers.payments.lifetime",
        "from 1 to 86400",
        "the integer 86401",
    ),
    Mistake(
        "scopes.pay = {}",
        'scopes.pay = {}\ntoken_format = "saml"',
        "resource_servers.payments.token_format",
        '"jwt" or "opaque"',
        '"saml"',
    ),
    Mistake(
        "scopes.pay = {}",
        'scopes.pay = {}\nalgorithm = "none"',
        "resource_servers.payments.algorithm",
        '"ES256", "Ed25519" or "RS256"',
        '"none"',
    ),
    Mistake(
        "scopes.pay = {}",
        "scopes.pay = {}\ntiers.reduced = 4",
        "resource_servers.payments.tiers.reduced",
        "at least fresh, 5",
        "the integer 4",
    ),
    Mistake(
        "scopes.pay = {}",
        "scopes.pay = {}\ntiers.survival = 59",
        "resource_servers.payments.tiers.survival",
        "at least reduced, 60",
        "the integer 59",
    ),
    Mistake(
        "scopes.pay = {}",
        'scopes.pay = {}\ntiers.survival_scopes = ["pay", "orders.read"]',
        "resource_servers.payments.tiers.survival_scopes[1]",
        "a scope of this resource server",
        '"orders.read"',
    ),
    Mistake("[clients.shop]", '[clients.".."]', 'clients.".."', "not beginning with a dot", '".."'),
    Mistake("[clients.shop]", '[clients."a b"]', 'clients."a b"', "a client id", '"a b"'),
    Mistake(
        "[clients.shop]", '[clients."a\\u0000b"]', 'clients."a\\u0000b"', "client id", "a\\u0000"
    ),
    Mistake(
        'access.orders = ["orders.read"]',
        'access.orders = ["orders.read", "orders.erase"]',
        "clients.shop.access.orders[1]",
        "a scope of resource_servers.orders",
        '"orders.erase"',
    ),
    Mistake(
        "access.orders",
        "access.ordes",
        "clients.shop.access.ordes",
        "declared resource server (orders, payments)",
        '"ordes"',
    ),
    Mistake(
        'access.orders = ["orders.read"]',
        'access.orders = ["orders.read", "orders.read"]',
        "clients.shop.access.orders[1]",
        "no repetition",
        '"orders.read" again',
    ),
    Mistake(
        "[clients.shop]",
        '[clients.shop]\nauth = "private_key_jwt"\njwks_file = "shop.json"',
        "clients.shop.secret_sha256",
        "no secret",
        "a list of 1",
    ),
    Mistake(
        "[clients.shop]",
        '[clients.shop]\njwks_file = "shop.json"',
        "clients.shop.jwks_file",
        "nothing",
        '"shop.json"',
    ),
    Mistake(
        "[clients.shop]\nsecret_sha256",
        '[clients.robot]\nauth = "private_key_jwt"\n[clients.shop]\nsecret_sha256',
        "clients.robot.jwks_file",
        "public keys",
        "nothing",
    ),
    Mistake(
        '["revoke"]',
        '["revoke", "fly"]',
        "operators.first.duties[1]",
        '"clients", "revoke", "keys", "audit" or "feed"',
        '"fly"',
    ),
    Mistake('["revoke"]', "[]", "operators.first.duties", "at least 1 element", "an empty list"),
    Mistake('["revoke"]', '"revoke"', "operators.first.duties", "a list", '"revoke"'),
    Mistake("duties", "dutys", "operators.first.dutys", "token_sha256, duties", "an unknown key"),
    Mistake(END, "[operaters.x]\n" + END, "operaters", "operators", "an unknown key"),
    Mistake(END, "[operators]\nfirst2 = 2020-01-01\n" + END, "operators.first2", "table", "date"),
]


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
