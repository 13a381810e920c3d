"""Reading entries and records back, and waiting for new ones within bounds."""

import asyncio

import pytest

from support.manual_clock import ManualClock
from support.requirement import requirement
from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.evidence import (
    MAX_WAIT,
    MAX_WAITING,
    AheadOfStore,
    Evidence,
    RecordsNotKept,
)
from tokenry.feed.record import RecordType
from tokenry.ports.plans import Revocation, RevokePlan
from tokenry.stores.memory.store import MemoryStore
from tokenry.vocabulary.errors import Overloaded
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Seconds, later
from tokenry.vocabulary.selectors import SelectorKind, selector
from tokenry.vocabulary.sequence import FIRST_HEAD, SequenceNumber

ISSUER = IssuerUrl("https://auth.example")


def entry(clock: ManualClock, because: str) -> AuditEntry:
    return AuditEntry(
        at=clock.now(),
        event=AuditEvent.ADMIN_REFUSED,
        issuer=ISSUER,
        actor="operator:first",
        trace=TraceId("0" * 32),
        because=because,
    )


class World:
    """A store whose clock moves only while a reader pauses; `meanwhile` happens at each pause."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock)
        self.evidence = Evidence(
            issuer=ISSUER, store=self.store, clock=self.clock, pause=self.pause
        )
        self.pauses = 0
        self.write_at_pause = 0

    async def pause(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.pauses += 1
        if self.pauses == self.write_at_pause:
            await self.note("late")
            await self.revoke("late")
        await asyncio.sleep(0)

    async def note(self, because: str) -> None:
        await self.store.record((entry(self.clock, because),))

    async def revoke(self, jti: str, *, kept: int = 3600) -> None:
        until = later(self.clock.now(), Seconds(kept))
        revocation = Revocation(
            type=RecordType.SELECTOR,
            selector=selector(ISSUER, SelectorKind.JTI, jti),
            expires=until // 1000,
            repeatable=False,
            floor_until=until,
        )
        await self.store.revoke(
            RevokePlan(
                issuer=ISSUER,
                asked_at=self.clock.now(),
                revocations=(revocation,),
                audit=(),
            )
        )


@pytest.fixture
async def world() -> World:
    world = World()
    await world.store.create_issuer(ISSUER)
    return world


@requirement("R-60")
async def test_entries_are_read_in_order_a_page_at_a_time(world: World) -> None:
    for number in range(5):
        await world.note(str(number))
    first = await world.evidence.audit(after=0, limit=2)
    rest = await world.evidence.audit(after=first[-1].id, limit=10**9)
    assert [read.entry.because for read in (*first, *rest)] == ["0", "1", "2", "3", "4"]
    assert await world.evidence.last_audit_id() == rest[-1].id
    assert {read.leaf for read in rest} == {None}


async def test_without_a_wait_nothing_is_waited_for(world: World) -> None:
    assert await world.evidence.audit(after=0, limit=9) == ()
    assert world.pauses == 0


@requirement("R-60")
async def test_a_reader_who_waits_gets_the_next_entry(world: World) -> None:
    world.write_at_pause = 3
    (read,) = await world.evidence.audit(after=0, limit=9, wait=Seconds(20))
    assert read.entry.because == "late"
    assert world.pauses == 3


@requirement("G-8")
async def test_a_wait_ends(world: World) -> None:
    begun = world.clock.boottime()
    assert await world.evidence.audit(after=0, limit=9, wait=Seconds(10**6)) == ()
    assert MAX_WAIT <= world.clock.boottime() - begun < MAX_WAIT + 1


@requirement("G-8")
async def test_only_so_many_wait_and_those_refused_take_no_place(world: World) -> None:
    async with asyncio.TaskGroup() as readers:
        for _ in range(MAX_WAITING):
            readers.create_task(world.evidence.audit(after=0, limit=9, wait=Seconds(30)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await world.evidence.audit(after=0, limit=9, wait=Seconds(30))
        assert await world.evidence.audit(after=0, limit=9) == ()
    assert await world.evidence.audit(after=0, limit=9, wait=Seconds(1)) == ()


async def test_who_waits_is_let_go_when_the_authority_stops(world: World) -> None:
    world.evidence.end_waits()
    assert await world.evidence.audit(after=0, limit=9, wait=Seconds(30)) == ()
    assert world.pauses == 0


@requirement("R-31")
async def test_records_are_followed_from_the_head_unless_a_number_is_given(world: World) -> None:
    await world.revoke("early")
    world.write_at_pause = 2
    page = await world.evidence.records(after=None, limit=9, wait=Seconds(5))
    assert [record.selector for record in page.records] == [
        selector(ISSUER, SelectorKind.JTI, "late")
    ]
    everything = await world.evidence.records(after=FIRST_HEAD, limit=9)
    assert len(everything.records) == 2


async def test_a_number_above_the_head_is_refused(world: World) -> None:
    with pytest.raises(AheadOfStore):
        await world.evidence.records(after=SequenceNumber(FIRST_HEAD + 1), limit=9)


@requirement("R-36")
async def test_records_that_have_run_out_are_said_to_be_gone(world: World) -> None:
    for number in range(3):
        await world.revoke(str(number), kept=1)
    world.clock.advance(10**7)
    await world.store.tick()
    await world.store.purge(limit=100)
    with pytest.raises(RecordsNotKept):
        await world.evidence.records(after=FIRST_HEAD, limit=9)
