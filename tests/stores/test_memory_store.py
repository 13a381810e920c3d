"""The store in memory keeps the whole contract."""

import pytest

from contracts.store_contract import StoreContract
from contracts.store_plans import ISSUER
from tokenry.stores.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    async def store(self, clock):
        opened = MemoryStore(clock=clock)
        await opened.create_issuer(ISSUER)
        yield opened
        await opened.close()
