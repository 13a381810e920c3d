"""The store on SQLite keeps the whole contract, also while its commits go wrong."""

import os
from itertools import cycle

import pytest

from contracts.store_changing import ChangingContract
from contracts.store_contract import StoreContract
from contracts.store_issuing import IssuingContract
from contracts.store_plans import ISSUER
from contracts.store_racing import RacingContract
from contracts.store_revoking import RevokingContract
from stores.faulty_writer import Fault, FaultyWriter
from support.requirement import requirement
from tokenry.stores.sqlite import open_sqlite_store


class TestSqliteStore(StoreContract):
    @pytest.fixture
    async def store(self, clock, tmp_path):
        opened = open_sqlite_store(tmp_path, clock=clock, entropy=os.urandom)
        await opened.create_issuer(ISSUER)
        yield opened
        await opened.close()


def every_commit_is_lost(_):
    return Fault.LOST_APPLIED


def every_batch_of_several_aborts(batch):
    return Fault.ABORTED if len(batch.work) > 1 else None


def every_second_commit_never_happens():
    faults = cycle((Fault.LOST_NOT_APPLIED, None))
    return lambda _: next(faults)


@requirement("G-4")
class TestSqliteStoreUnderFaults(
    IssuingContract, RevokingContract, ChangingContract, RacingContract
):
    """Faults that can be mended change no outcome of any plan."""

    @pytest.fixture(
        params=[
            lambda: every_commit_is_lost,
            lambda: every_batch_of_several_aborts,
            every_second_commit_never_happens,
        ],
        ids=["lost-applied", "aborted", "lost-not-applied"],
    )
    async def store(self, clock, tmp_path, request):
        opened = open_sqlite_store(
            tmp_path,
            clock=clock,
            entropy=os.urandom,
            through=lambda inner: FaultyWriter(inner, request.param()),
        )
        await opened.create_issuer(ISSUER)
        yield opened
        await opened.close()
