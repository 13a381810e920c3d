"""Clients, resource servers and directories for tests, with the defaults that tests share."""

from hashlib import sha256

from tokenry.protocol.directory_index import index_directory
from tokenry.protocol.registry import (
    Client,
    Directory,
    LifetimeCeiling,
    Origin,
    ResourceServer,
    Scope,
    Secret,
)

ISSUER = "https://auth.example"
ORDERS_URI = "https://orders.example"
PAYMENTS_URI = "https://payments.example"
SECRET = "tks_" + "s" * 43
SERVER_SECRET = "tkv_" + "v" * 43


def secret(value=SECRET, *, expires_at=None):
    return Secret(sha256(value.encode()).digest(), 0, expires_at)


def client(id_="shop", **changes):
    members = {
        "id": id_,
        "name": id_,
        "auth": "client_secret_basic",
        "secrets": (secret(),),
        "access": {"orders": ("orders.read", "orders.write")},
        "origin": Origin.BLUEPRINT,
    }
    return Client(**(members | changes))


def resource_server(name="orders", audience=ORDERS_URI, scopes=None, **changes):
    members = {
        "name": name,
        "audience": audience,
        "scopes": scopes
        if scopes is not None
        else {f"{name}.read": Scope(low_risk=True), f"{name}.write": Scope()},
        "token_format": "jwt",
        "algorithm": "ES256",
        "lifetime": 300,
        "leeway": 5,
        "fresh": 5,
        "reduced": 60,
        "survival": None,
        "secrets": (secret(SERVER_SECRET),),
        "origin": Origin.BLUEPRINT,
    }
    return ResourceServer(**(members | changes))


ORDERS = resource_server()
PAYMENTS = resource_server("payments", PAYMENTS_URI)


def directory(*servers, ceilings=()):
    return Directory(resource_servers=servers or (ORDERS, PAYMENTS), ceilings=tuple(ceilings))


def directory_index(*servers, ceilings=()):
    return index_directory(directory(*servers, ceilings=ceilings))


def ceiling(name="orders", lifetime=300, until=None):
    return LifetimeCeiling(resource_server=name, lifetime=lifetime, until=until)
