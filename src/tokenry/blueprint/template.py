"""The blueprint that `tokenry init` writes: ready to run, every line explained."""

import msgspec

from tokenry.blueprint.problems import describe


class StartingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from one starting blueprint to the next. Digests are hex SHA-256."""

    issuer: str = "http://127.0.0.1:8400"
    public_port: int = 8400
    admin_port: int = 8401
    operator: str = "first"
    operator_token_sha256: str
    resource_server: str = "orders"
    audience: str = "https://orders.example"
    resource_server_secret_sha256: str
    client: str = "shop"
    client_secret_sha256: str


def starting_blueprint(start: StartingPoint) -> str:
    """Return the text of the file. It parses, whatever the issuer, audience and names allow."""
    unsafe = "true" if start.issuer.startswith("http:") else "false"
    return f"""\
# What this Tokenry authority starts from. Check a change with:
#
#     tokenry blueprint check tokenry.toml
#
# and bring it into force by starting again, or without a pause by sending SIGHUP. Only what was
# declared here is touched then; clients added with `tokenry client add` are left alone.
# Secrets never stand in this file, only their SHA-256. Durations are whole seconds.

[issuer]
# Tokens carry this URL as `iss`, byte for byte. For production: https, without a trailing slash.
url = {describe(start.issuer)}
# Development on this machine only: allows http for a loopback address.
unsafe_http_on_loopback = {unsafe}

[listeners.public]
# Clients and services come here. Beyond loopback it needs TLS:
#     host = "0.0.0.0"
#     certificate = "fullchain.pem"
#     key = "privkey.pem"
# or a proxy that speaks TLS in front: trusted_proxies = ["10.0.0.0/8"]
port = {start.public_port}

[listeners.admin]
# The admin API, /healthz, /readyz and /metrics. Keep it private.
port = {start.admin_port}

[keys]
# How long verifiers may cache the key set. A new key is announced this long before it signs.
jwks_max_age = 300

# A service that accepts tokens. At the feed it authenticates by this name and a secret.
[resource_servers.{start.resource_server}]
# Tokens for this service carry this URI as `aud`, and are worth nothing anywhere else.
audience = {describe(start.audience)}
# "jwt": verified locally. "opaque": a reference that the service introspects.
token_format = "jwt"
# "ES256", "Ed25519" or "RS256".
algorithm = "ES256"
# Longest life of a token; a scope may shorten it.
lifetime = 300
# By how much its clock may differ from the authority's.
leeway = 5
secret_sha256 = ["{start.resource_server_secret_sha256}"]

# What it still allows when news of revocations is late: everything up to `fresh` seconds,
# low_risk scopes up to `reduced`, after that nothing but survival_scopes.
[resource_servers.{start.resource_server}.tiers]
fresh = 5
reduced = 60
survival_scopes = []

[resource_servers.{start.resource_server}.scopes."{start.resource_server}.read"]
description = "See {start.resource_server}"
low_risk = true

[resource_servers.{start.resource_server}.scopes."{start.resource_server}.write"]
description = "Change {start.resource_server}"
lifetime = 60

# Who asks for tokens. For keys instead of a secret: auth = "private_key_jwt" and
# jwks_file = "{start.client}.jwks.json" in place of secret_sha256.
[clients.{start.client}]
name = "The {start.client}"
auth = "client_secret_basic"
secret_sha256 = ["{start.client_secret_sha256}"]

# Which scopes it may have, by resource server. Nothing is granted that is not listed.
[clients.{start.client}.access]
{start.resource_server} = ["{start.resource_server}.read", "{start.resource_server}.write"]

# Who may administer, and what.
[operators.{start.operator}]
token_sha256 = "{start.operator_token_sha256}"
duties = ["clients", "revoke", "keys", "audit", "feed"]
"""
