"""A verifier as it is after some hours: many live revocations, its memory of tokens full."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from benchmarks.protected_request import presented
from tokenry.feed.profile import Tiers
from tokenry.resource import Verifier
from tokenry.resource.surroundings import SystemClock, this_machine
from tokenry.resource.testing import ManualClock, TestingIssuer
from tokenry.vocabulary.identifiers import new_handle
from tokenry.vocabulary.selectors import SelectorKind

AUDIENCE = "https://orders.example"
SCOPES = frozenset({"orders.read"})
LIVE_REVOCATIONS = 100_000
SEEN_TOKENS = 4_000
CLIENTS = 50
_FRESH_FOR = 3600
"""Seconds: no heartbeat is sent during a measurement, and none of its time is spent on one."""

Session = dict[str, str]


@asynccontextmanager
async def at_work() -> AsyncIterator[tuple[TestingIssuer, Verifier]]:
    """The testing issuer stands in for network and authority; clocks and verifier are real."""
    issuer = TestingIssuer("https://auth.example", clock=ManualClock(SystemClock().now()))
    issuer.resource_server(
        AUDIENCE,
        tiers=Tiers(_FRESH_FOR, _FRESH_FOR, _FRESH_FOR),
        max_token_lifetime=_FRESH_FOR,
    )
    for _ in range(LIVE_REVOCATIONS):
        issuer.history.revoke(SelectorKind.JTI, new_handle(os.urandom))
    verifier = issuer.verifier(AUDIENCE, surroundings=this_machine(), max_seen_tokens=SEEN_TOKENS)
    async with verifier:
        for token in mint(issuer, new_sessions(SEEN_TOKENS)):
            await verifier.verify(presented(token), required_scopes=SCOPES)
        yield issuer, verifier


def new_sessions(count: int) -> list[Session]:
    """Sessions of as many users, through a few clients."""
    return [
        {
            "subject": new_handle(os.urandom),
            "client_id": f"client-{number % CLIENTS}",
            "session": new_handle(os.urandom),
            "device": new_handle(os.urandom),
            "grant": new_handle(os.urandom),
        }
        for number in range(count)
    ]


def mint(issuer: TestingIssuer, sessions: Iterable[Session]) -> list[str]:
    """Mint a token for each, with every id by which a bearer token can be revoked: eight."""
    return [
        issuer.mint(
            audience=AUDIENCE,
            scope="orders.read orders.write",
            lifetime=_FRESH_FOR,
            **session,
        )
        for session in sessions
    ]
