"""The bus of one process: wakes on the loop, from any thread, and nobody can harm another."""

import asyncio
import threading

from support.requirement import requirement
from tokenry.buses.in_process import InProcessBus
from tokenry.vocabulary.identifiers import IssuerUrl

ONE = IssuerUrl("https://one.example")
TWO = IssuerUrl("https://two.example")


async def test_an_announcement_wakes_every_subscriber_before_it_returns():
    bus = InProcessBus()
    first, second = [], []
    bus.subscribe(first.append)
    bus.subscribe(second.append)
    bus.announce(ONE)
    bus.announce(TWO)
    assert first == second == [ONE, TWO]


async def test_who_left_is_woken_no_more():
    bus = InProcessBus()
    woken = []
    leave = bus.subscribe(woken.append)
    bus.subscribe(woken.append)
    leave()
    leave()
    bus.announce(ONE)
    assert woken == [ONE]


async def test_an_announcement_from_a_thread_arrives_on_the_loop():
    bus = InProcessBus()
    arrived = asyncio.get_running_loop().create_future()
    bus.subscribe(lambda issuer: arrived.set_result((issuer, threading.get_ident())))
    thread = threading.Thread(target=bus.announce, args=(ONE,))
    thread.start()
    assert await arrived == (ONE, threading.get_ident())
    thread.join()


@requirement("G-8")
async def test_announcements_from_threads_that_are_on_their_way_are_one():
    bus = InProcessBus()
    woken = []
    bus.subscribe(woken.append)

    def announce_often():
        for _ in range(100):
            bus.announce(ONE)
        bus.announce(TWO)

    thread = threading.Thread(target=announce_often)
    thread.start()
    thread.join()  # the loop does not turn meanwhile
    await asyncio.sleep(0)
    assert woken == [ONE, TWO]
    # And the next one is delivered again.
    thread = threading.Thread(target=bus.announce, args=(ONE,))
    thread.start()
    thread.join()
    await asyncio.sleep(0)
    assert woken == [ONE, TWO, ONE]


async def test_a_subscriber_that_fails_reaches_neither_the_announcer_nor_the_others():
    bus = InProcessBus()
    failures, woken = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))

    def fail(issuer):
        raise RuntimeError("defect")

    bus.subscribe(fail)
    bus.subscribe(woken.append)
    bus.announce(ONE)
    assert woken == [ONE]
    assert isinstance(failures[0]["exception"], RuntimeError)


async def test_a_closed_bus_wakes_nobody():
    bus = InProcessBus()
    woken = []
    bus.subscribe(woken.append)
    await bus.close()
    bus.announce(ONE)
    assert woken == []


def test_an_announcement_after_the_loop_has_ended_is_no_error():
    async def make():
        return InProcessBus()

    bus = asyncio.run(make())
    thread = threading.Thread(target=bus.announce, args=(ONE,))
    thread.start()
    thread.join()
