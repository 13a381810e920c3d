"""Attacks on revocation and its clock, in process: each was once a way past a guarantee."""

import asyncio
import os

import pytest

from support.issuing_node import ISSUER, IssuingNode
from support.manual_clock import ManualClock
from support.requirement import requirement
from support.taking_part import ORDERS
from tokenry.stores.memory import MemoryStore
from tokenry.stores.sqlite import open_sqlite_store

REVOKED = {"client": "shop", "audience": ORDERS.audience}


class Interposed:
    """A store of which one verb does something first."""

    def __init__(self, store, verb, before) -> None:
        self._store = store
        self._verb = verb
        self._before = before

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name != self._verb:
            return found

        async def after_something_else(*arguments, **options):
            await self._before()
            return await found(*arguments, **options)

        return after_something_else


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path, clock):
    if request.param == "memory":
        store = MemoryStore(clock=clock)
    else:
        store = open_sqlite_store(tmp_path / "db", clock=clock, entropy=os.urandom)
    yield store
    await store.close()


@requirement("G-1")
@pytest.mark.parametrize("kind", ["client", "audience"])
async def test_a_record_outlives_every_token_born_while_it_waited_for_its_commit(
    tmp_path, clock, store, kind
):
    births = []

    async def wait_while_others_issue():
        clock.advance(90)
        births.append(node.verified((await node.issue()).access_token))

    waiting = Interposed(store, "revoke", wait_while_others_issue)
    node = await IssuingNode.started(tmp_path, store=waiting, clock=clock)
    number = (await node.revoke(kind, REVOKED[kind])).numbers[0]
    (record,) = (await store.feed_page(ISSUER, after=number - 1, limit=1)).records
    (token,) = births
    assert token.rsn < number, "so the record has to kill it"
    assert record.expires >= token.exp + 5


class CountedBatches:
    """A writer that keeps the sizes of the batches it commits."""

    def __init__(self, inner, sizes) -> None:
        self._inner = inner
        self._sizes = sizes

    async def apply(self, batch):
        return await self._inner.apply(batch)

    async def commit(self, batch):
        self._sizes.append(len(batch.work))
        await self._inner.commit(batch)

    async def was_committed(self, batch):
        return await self._inner.was_committed(batch)


@requirement("G-4", "G-8")
async def test_revocations_of_different_things_share_a_commit(tmp_path, clock):
    sizes = []
    store = open_sqlite_store(
        tmp_path / "db",
        clock=clock,
        entropy=os.urandom,
        through=lambda writer: CountedBatches(writer, sizes),
    )
    node = await IssuingNode.started(tmp_path, store=store, clock=clock)
    sizes.clear()
    await asyncio.gather(*(node.revoke("subject", f"user-{n}") for n in range(100)))
    await store.close()
    assert len(sizes) < 50, "those of one turn of the event loop are taken together"
