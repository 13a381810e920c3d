"""A public application on one node, as production wires it."""

import os

import pytest

from support.asgi import basic
from support.issuing_node import IssuingNode
from support.taking_part import ISSUER, SECRET, SERVER_SECRET
from tokenry.audit.entry import AuditEvent
from tokenry.authority.refusals import RefusalSample
from tokenry.ports.events import UNHEARD
from tokenry.protocol.metadata import WELL_KNOWN
from tokenry.web.introspection import IntrospectionEndpoint
from tokenry.web.metadata import MetadataEndpoint
from tokenry.web.public import GET, POST, PublicApplication, Route, issuer_routes
from tokenry.web.revocation import RevocationEndpoint
from tokenry.web.token import TokenEndpoint

SHOP = basic("shop", SECRET)
ORDERS_SERVER = basic("orders", SERVER_SECRET)


def routes(node, issuer=ISSUER):
    return issuer_routes(
        issuer,
        {
            "/token": Route(
                "token",
                TokenEndpoint(issuance=node.issuance, entropy=os.urandom),
                POST,
                cors=True,
                keeps_refusals=True,
            ),
            "/revoke": Route(
                "revoke",
                RevocationEndpoint(revocation=node.presented_revocation, entropy=os.urandom),
                POST,
                keeps_refusals=True,
            ),
            "/introspect": Route(
                "introspect",
                IntrospectionEndpoint(introspection=node.introspection, entropy=os.urandom),
                POST,
            ),
            WELL_KNOWN: Route("metadata", MetadataEndpoint(issuer), GET, cors=True),
        },
    )


@pytest.fixture
async def node(tmp_path):
    return await IssuingNode.started(tmp_path)


@pytest.fixture
def app(node):
    refusals = RefusalSample(
        issuer=ISSUER, store=node.store, clock=node.clock, event=AuditEvent.REQUEST_REFUSED
    )
    return PublicApplication(routes(node), entropy=os.urandom, events=UNHEARD, refusals=refusals)


@pytest.fixture
def shop():
    return SHOP


@pytest.fixture
def orders_server():
    return ORDERS_SERVER


@pytest.fixture
def routes_of():
    return routes
