"""A good file, and every way to get it wrong: what is replaced by what, and how that is told."""

from typing import NamedTuple

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
