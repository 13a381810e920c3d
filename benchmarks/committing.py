"""What a durable, audited issuance costs in the SQLite store alone: plans a second, CPU per plan.

`python -m benchmarks.committing [--work MICROSECONDS] [--plans N] [--tasks N]`, best pinned to one
core (`taskset -c 1`). `--work` is busy time on the event loop before each plan, standing for HTTP
and signature: with it the cost includes what the writer's thread and the loop take from each other.
Prints JSON lines: the same work without a store, in memory, in SQLite (the best of `--rounds`, the
CPU also as the difference to no store), and how long one revocation takes when nothing else waits.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.feed.record import RecordType
from tokenry.ports.plans import IssuePlan, Revocation, RevokePlan
from tokenry.ports.store import Store
from tokenry.stores.memory import MemoryStore
from tokenry.stores.sqlite import open_sqlite_store
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SelectorKind, selector

ISSUER = IssuerUrl("https://auth.example")
SELECTORS = frozenset(
    selector(ISSUER, kind, "abcdefghijklmnopqrstuv")
    for kind in (SelectorKind.JTI, SelectorKind.GRANT, SelectorKind.SUBJECT, SelectorKind.CLIENT)
)


class SystemClock:
    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000_000)

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def entry(event: AuditEvent) -> AuditEntry:
    return AuditEntry(
        at=Instant(1_795_000_000_000),
        event=event,
        issuer=ISSUER,
        actor="client:orders-client",
        trace=TraceId("0af7651916cd43dd8448eb211c80319c"),
        detail={
            "jti": "abcdefghijklmnopqrstuv",
            "grant": "abcdefghijklmnopqrstuv",
            "audience": "https://orders.example",
            "scope": "orders.read orders.write",
            "kid": "x" * 43,
        },
    )


def be_busy(microseconds: float) -> None:
    until = time.thread_time_ns() + microseconds * 1000
    while time.thread_time_ns() < until:
        pass


async def issuing(store: Store | None, *, plans: int, tasks: int, work: float) -> dict[str, Any]:
    rsn = (await store.head(ISSUER)).seq if store else 0
    left = plans
    waits: list[float] = []

    async def ask() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            if work:
                be_busy(work)
            plan = IssuePlan(
                issuer=ISSUER,
                rsn=rsn,
                directory=0,
                selectors=SELECTORS,
                audit=entry(AuditEvent.TOKEN_ISSUED),
            )
            asked = time.perf_counter()
            if store is None:
                await asyncio.sleep(0)
            else:
                store.admit()
                await store.issue(plan)
            waits.append(time.perf_counter() - asked)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(tasks)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    waits.sort()
    return {
        "plans_per_s": round(plans / wall),
        "cpu_us": round(cpu / plans * 1e6, 1),
        "wait_p50_us": round(waits[plans // 2] * 1e6),
        "wait_p99_us": round(waits[plans * 99 // 100] * 1e6),
    }


async def revoking_when_idle(store: Store, *, times: int) -> dict[str, Any]:
    waits = []
    for number in range(times):
        await asyncio.sleep(0.002)
        plan = RevokePlan(
            issuer=ISSUER,
            asked_at=Instant(1_900_000_000_000),
            revocations=(
                Revocation(
                    type=RecordType.SELECTOR,
                    selector=selector(ISSUER, SelectorKind.JTI, f"token-{number}"),
                    expires=1_900_000_000,
                    repeatable=False,
                    floor_until=Instant(1_900_000_000_000),
                ),
            ),
            audit=(entry(AuditEvent.REVOKED),),
        )
        asked = time.perf_counter()
        await store.revoke(plan)
        waits.append(time.perf_counter() - asked)
    waits.sort()
    return {
        "wait_p50_us": round(waits[times // 2] * 1e6),
        "wait_p99_us": round(waits[times * 99 // 100] * 1e6),
    }


async def main(options: argparse.Namespace) -> None:
    load = {"plans": options.plans, "tasks": options.tasks, "work": options.work}
    memory = MemoryStore(clock=SystemClock())
    await memory.create_issuer(ISSUER)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        sqlite = open_sqlite_store(Path(directory), clock=SystemClock(), entropy=os.urandom)
        await sqlite.create_issuer(ISSUER)
        best: dict[str, dict[str, Any]] = {}
        # In turn, and the best of each, since a shared machine's speed changes within seconds.
        for _ in range(options.rounds):
            for name, store in (("none", None), ("memory", memory), ("sqlite", sqlite)):
                figures = await issuing(store, **load)
                if name not in best or figures["cpu_us"] < best[name]["cpu_us"]:
                    best[name] = figures
        for name, figures in best.items():
            added = round(figures["cpu_us"] - best["none"]["cpu_us"], 1)
            print(json.dumps({"store": name, **load, **figures, "added_cpu_us": added}))
        idle = await revoking_when_idle(sqlite, times=300)
        print(json.dumps({"store": "sqlite", "what": "one revocation, idle", **idle}))
        await sqlite.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=float, default=0.0)
    parser.add_argument("--plans", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=32)
    parser.add_argument("--directory", default=None, help="where the database is made")
    uvloop.run(main(parser.parse_args()))
