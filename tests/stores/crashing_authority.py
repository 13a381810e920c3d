"""A process that issues and revokes until it is killed, and prints what it was answered.

One JSON line for each answer, written only once the store has answered.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from contracts.store_plans import ISSUER, claim, issuance, revoking, select
from tokenry.ports.plans import Issued
from tokenry.stores.sqlite import open_sqlite_store

TASKS = 24


class SteppingClock:
    """A clock that moves a second with each look, so that much runs out and is purged."""

    time = 1_800_000_000_000

    def now(self):
        self.time += 1000
        return self.time

    def boottime(self):
        return self.time / 1000


def say(**answer):
    os.write(1, json.dumps(answer).encode() + b"\n")


async def work(store, round_, task):
    n = 0
    while True:
        n += 1
        trace = f"{round_}-{task}-{n}"
        if task % 3:
            head = await store.head(ISSUER)
            outcome = await store.issue(
                issuance(trace, rsn=head.seq, selectors=frozenset(), claim=claim(trace))
            )
            if outcome == Issued(head.seq):
                say(trace=trace)
        else:
            outcome = await store.revoke(
                revoking(select(trace), select(f"again-{task}"), trace=trace)
            )
            say(trace=trace, numbers=outcome.numbers)


async def keep_house(store):
    while True:
        await store.tick()
        await store.purge(limit=20)
        await asyncio.sleep(0)


async def main(directory, round_):
    store = open_sqlite_store(Path(directory), clock=SteppingClock(), entropy=os.urandom)
    await store.create_issuer(ISSUER)
    await asyncio.gather(keep_house(store), *(work(store, round_, task) for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
