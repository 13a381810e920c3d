"""The store on SQLite keeps the whole contract."""

import os

import pytest

from contracts.store_contract import StoreContract
from contracts.store_plans import ISSUER
from tokenry.stores.sqlite import open_sqlite_store


class TestSqliteStore(StoreContract):
    @pytest.fixture
    async def store(self, clock, tmp_path):
        opened = open_sqlite_store(tmp_path, clock=clock, entropy=os.urandom)
        await opened.create_issuer(ISSUER)
        yield opened
        await opened.close()
