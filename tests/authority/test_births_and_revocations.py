"""A token falls to exactly the revocations committed after it (G-1), whatever was remembered."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.issuing_node import IssuingNode
from support.requirement import requirement
from support.taking_part import (
    ISSUER,
    ORDERS,
    ORDERS_URI,
    PAYMENTS_URI,
    SECRET,
    client,
    resource_server,
)
from tokenry.protocol.access_token import TokenSelectors
from tokenry.protocol.client_auth import PresentedSecret
from tokenry.vocabulary.errors import InvalidClient
from tokenry.vocabulary.selectors import SelectorKind, selector

ACCESS = {"orders": ("orders.read",), "payments": ("payments.read",)}
CLIENTS = st.sampled_from(["shop", "kiosk"])
AUDIENCES = {"orders.read": ORDERS_URI, "payments.read": PAYMENTS_URI}
STEP = st.one_of(
    st.tuples(st.just("issue"), CLIENTS, st.sampled_from([*AUDIENCES])),
    st.tuples(st.just("issue"), CLIENTS, st.sampled_from([*AUDIENCES])),
    st.tuples(st.just("revoke"), st.sampled_from(["client", "subject"]), CLIENTS),
    st.tuples(st.just("revoke"), st.just("audience"), st.sampled_from([*AUDIENCES.values()])),
    st.tuples(st.just("revoke"), st.just("issuer"), st.just(ISSUER)),
    st.tuples(st.just("revoke_token"), st.sampled_from(["jti", "grant"]), st.integers(0, 20)),
    st.tuples(st.just("suspend"), CLIENTS),
    st.tuples(st.just("resume"), CLIENTS),
    st.just(("observe",)),
    st.just(("observe",)),
    st.just(("forget",)),
)


class Story:
    """What happened, in the order of the commits, and what must follow from it."""

    def __init__(self, node):
        self.node = node
        self.selectors = TokenSelectors(ISSUER)
        self.suspended = set()
        self.tokens = []
        self.fallen = set()

    async def issue(self, id_, scope):
        presented = PresentedSecret(id_, "client_secret_basic", SECRET)
        if id_ in self.suspended:
            with pytest.raises(InvalidClient):
                await self.node.issue(presented, scope=scope)
            return
        answer = await self.node.issue(presented, scope=scope)
        self.tokens.append(self.node.verified(answer.access_token))

    async def revoke(self, kind, id_):
        await self.node.revoke(kind, id_)
        named = selector(ISSUER, SelectorKind(kind), id_)
        self.fallen |= {t.jti for t in self.tokens if named in self.selectors.of(t)}

    async def revoke_token(self, kind, which):
        if self.tokens:
            await self.revoke(kind, getattr(self.tokens[which % len(self.tokens)], kind))

    async def suspend(self, id_):
        self.suspended.add(id_)
        await self.node.put(client(id_, access=ACCESS, suspended=True))
        await self.revoke("client", id_)

    async def resume(self, id_):
        self.suspended.discard(id_)
        await self.node.put(client(id_, access=ACCESS))

    async def observe(self):
        await self.node.observe()

    async def forget(self):
        self.node.facts.forget()


async def tell(steps):
    with tempfile.TemporaryDirectory() as directory:
        node = await IssuingNode.started(Path(directory))
        await node.put(
            ORDERS,
            resource_server("payments", PAYMENTS_URI),
            *(client(id_, access=ACCESS) for id_ in ("shop", "kiosk")),
        )
        story = Story(node)
        for name, *arguments in steps:
            await getattr(story, name)(*arguments)
    for token in story.tokens:
        revoked = await node.store.is_revoked(
            ISSUER, selectors=story.selectors.of(token), rsn=token.rsn
        )
        assert revoked is (token.jti in story.fallen)


@requirement("G-1", "R-30", "R-33")
@settings(max_examples=120, deadline=None)
@given(st.lists(STEP, min_size=5, max_size=30))
def test_a_token_falls_to_exactly_the_revocations_after_it(steps):
    asyncio.run(tell(steps))
