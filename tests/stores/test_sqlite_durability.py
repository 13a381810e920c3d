"""What was answered survives: a killed process, a full disk, a reader in another process (G-4)."""

import asyncio
import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from contracts.store_plans import (
    ISSUER,
    asked,
    changing,
    claim,
    client,
    entry,
    issuance,
    number,
    reference,
    revoking,
    select,
    traces,
)
from support.requirement import requirement
from tokenry.feed.record import next_chain_value
from tokenry.ports.plans import FactsMoved, Issued, ProofReplayed, PutClient, Revoked
from tokenry.ports.store import FeedPage
from tokenry.stores.sqlite import open_sqlite_store
from tokenry.stores.sqlite.opening import DATABASE_FILE
from tokenry.vocabulary.errors import StoreFull
from tokenry.vocabulary.sequence import FIRST_HEAD

HERE = Path(__file__).parent
CHILD_ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join((str(HERE.parent), *sys.path))}


def run_until_killed(directory: Path, round_: int, answers: int) -> list[dict]:
    """Let a process work until it has given so many answers, kill it, return all it gave."""
    child = subprocess.Popen(
        [sys.executable, HERE / "crashing_authority.py", directory, str(round_)],
        stdout=subprocess.PIPE,
        env=CHILD_ENVIRONMENT,
    )
    with child:
        said = [child.stdout.readline() for _ in range(answers)]
        child.kill()
        said += child.stdout.readlines()
    return [json.loads(line) for line in said if line.endswith(b"\n")]


@requirement("G-1", "G-4", "R-60")
async def test_whatever_was_answered_is_there_after_kill_9(tmp_path, clock):
    answered: list[dict] = []
    for round_ in range(3):
        answered += run_until_killed(tmp_path, round_, 200 + 150 * round_)
    store = open_sqlite_store(tmp_path, clock=clock, entropy=os.urandom)
    stored = await store.audit_entries(ISSUER, after=0, limit=1_000_000)
    assert [each.id for each in stored] == list(range(1, len(stored) + 1))
    kept = await traces(store)
    assert len(kept) == len(set(kept))
    assert {answer["trace"] for answer in answered} <= set(kept)

    numbers = sorted(each for answer in answered for each in answer.get("numbers", ()))
    assert len(numbers) == len(set(numbers)) > 0
    head = await store.head(ISSUER)
    assert numbers[-1] <= head.seq
    page = await first_whole_page(store, head.seq)
    chain = page.chain_before
    for record in page.records:
        chain = next_chain_value(chain, record)
    assert page.records[-1].seq == head.seq
    assert chain == head.chain

    replayed = [answer["trace"] for answer in answered if "numbers" not in answer][-20:]
    for trace in replayed:
        plan = issuance(rsn=head.seq, selectors=frozenset(), claim=claim(trace))
        assert await store.issue(plan) == ProofReplayed()
    await store.close()


async def first_whole_page(store, last) -> FeedPage:
    """The longest run of records that is kept: what is older has been purged."""
    after = FIRST_HEAD
    while True:
        page = await store.feed_page(ISSUER, after=after, limit=1_000_000)
        if isinstance(page, FeedPage):
            return page
        after += 1


@requirement("G-1")
async def test_another_process_sees_whole_snapshots_only(tmp_path, clock):
    store = open_sqlite_store(tmp_path, clock=clock, entropy=os.urandom)
    await store.create_issuer(ISSUER)
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, HERE / "following_reader.py"),
        *(tmp_path / DATABASE_FILE, str(number(400))),
        stdout=asyncio.subprocess.PIPE,
    )
    assert await reader.stdout.readline() == b"reading\n"
    await asyncio.gather(
        *(store.revoke(revoking(select(f"a{n}"), select("hot"))) for n in range(200))
    )
    assert await reader.wait() == 0
    await store.close()


class TestAFullDisk:
    """SQLite's page limit stands for the disk's: it fails in the same places with SQLITE_FULL."""

    @pytest.fixture
    async def store(self, tmp_path, clock):
        opened = open_sqlite_store(tmp_path, clock=clock, entropy=os.urandom)
        await opened.create_issuer(ISSUER)
        yield opened
        await opened.close()

    def fill(self, store):
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")

    def free(self, store):
        store._connection.execute("PRAGMA max_page_count = 1000000")

    @requirement("G-4")
    async def test_nothing_is_half_written_and_it_goes_on_by_itself(self, store):
        self.fill(store)
        answered = []

        async def revoke_for_ever():
            for n in count():
                plan = revoking(
                    *(select(f"c{n}-{each}") for each in range(20)),
                    trace=f"t{n}",
                    idempotency=asked(f"k{n}"),
                    changes=(PutClient(client(f"c{n}")),),
                )
                answered.append((f"t{n}", await store.revoke(plan)))

        with pytest.raises(StoreFull, match="free space"):
            await revoke_for_ever()
        lost = f"t{len(answered)}"
        head = await store.head(ISSUER)
        assert head.seq == number(20 * len(answered))
        assert head.directory == len(answered)
        assert await traces(store) == [trace for trace, _ in answered]
        assert (await store.find_client(ISSUER, f"c{len(answered)}")).value is None
        self.free(store)
        assert await store.revoke(revoking(select("a"), trace=lost)) == Revoked(
            (number(20 * len(answered) + 1),), fresh=True
        )
        assert await traces(store) == [*(trace for trace, _ in answered), lost]

    @requirement("G-4")
    async def test_everybody_in_the_batch_is_told_and_reads_go_on(self, store):
        self.fill(store)
        big = changing(*(PutClient(client(f"c{n}")) for n in range(200)))
        outcomes = await asyncio.gather(
            store.change(big),
            store.issue(issuance(reference=reference("r"))),
            store.record((entry("a"),)),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes] == [StoreFull] * 3
        assert await traces(store) == []
        assert (await store.head(ISSUER)).directory == 0
        self.free(store)
        assert await store.issue(issuance(directory=1)) == FactsMoved()
        assert await store.issue(issuance()) == Issued(number(0))
