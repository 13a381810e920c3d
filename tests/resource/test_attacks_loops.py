"""Event loops that end, stop, or belong to another thread: every request gets an answer (G-7)."""

import asyncio
import threading

import pytest

from support.background import a_while, soon
from support.requirement import requirement
from tokenry.resource import Reason, Tier, TokenRefused
from tokenry.resource.following import Following
from tokenry.resource.refusal import Refusal

AUDIENCE = "https://orders.test"
PATIENCE = 20.0
"""Seconds of real time after which a test that hangs is given up; none waits for it."""


@pytest.fixture
def one(issuer):
    return issuer.verifier(AUDIENCE)


async def opaque(issuer, verifier):
    """Verify a token that the issuer must be asked about."""
    token = issuer.mint_opaque(audience=AUDIENCE, scope="a")
    return (await verifier.verify(issuer.request(token))).tier


async def new_key(issuer, verifier):
    """Verify a token whose key must be fetched first."""
    issuer.rotate_key()
    return (await verifier.verify(issuer.request(issuer.mint(audience=AUDIENCE)))).tier


def wind_up(loop):
    """Let what is left of a stopped loop end, as asyncio.run does, and close it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.wait({*left, loop.create_task(a_while())}))
    loop.close()


def in_new_loop(work):
    async def bounded():
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(bounded())


@requirement("G-7", "R-44")
@pytest.mark.parametrize("ask", [opaque, new_key])
def test_after_its_loop_was_closed_it_starts_anew_in_the_next(ask, issuer, one):
    asyncio.run(one.start())
    assert in_new_loop(ask(issuer, one)) is Tier.FRESH
    assert in_new_loop(ask(issuer, one)) is Tier.FRESH


@requirement("G-7", "R-44")
@pytest.mark.parametrize("ask", [opaque, new_key])
def test_after_its_loop_was_stopped_it_starts_anew_and_leaves_nothing(ask, issuer, one):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(one.start())
    assert in_new_loop(ask(issuer, one)) is Tier.FRESH
    # When the first loop goes on, its follower ends: it was given up.
    loop.run_until_complete(a_while())
    assert asyncio.all_tasks(loop) == set()
    loop.close()


@requirement("G-7")
def test_start_in_a_second_loop_follows_there(issuer, one):
    asyncio.run(one.start())

    async def again():
        await one.start()
        issuer.revoke("client", "client")
        await issuer.delivered()
        return one.head

    assert in_new_loop(again()) == issuer.head


@requirement("G-7")
@pytest.mark.parametrize("closed", [True, False])
def test_close_in_another_loop(closed, issuer, one):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(one.start())
    if closed:
        wind_up(loop)
    in_new_loop(one.close())
    with pytest.raises(TokenRefused) as refused:
        asyncio.run(one.verify(issuer.request(issuer.mint(audience=AUDIENCE))))
    assert refused.value.reason is Reason.UNSYNCHRONIZED
    if not closed:
        loop.run_until_complete(a_while())
        assert asyncio.all_tasks(loop) == set()
        loop.close()


@pytest.fixture
def elsewhere():
    """A loop that runs in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    if loop.is_running():
        loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    wind_up(loop)


def done_in(loop, work):
    return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE)


@requirement("G-7", "R-44")
@pytest.mark.parametrize("ask", [opaque, new_key])
def test_what_another_threads_loop_lacks_is_fetched_where_the_feed_is_followed(
    ask, issuer, one, elsewhere
):
    done_in(elsewhere, one.start())
    following = one._following
    issuer.advance(10)  # unknown kids may cause a fetch again
    done_in(elsewhere, issuer.delivered())
    assert in_new_loop(ask(issuer, one)) is Tier.FRESH
    assert one._following is following
    in_new_loop(one.close())
    assert not following.is_alive


@requirement("G-7")
async def test_a_loop_that_stops_during_a_fetch_leaves_nobody_waiting(issuer, one, elsewhere):
    done_in(elsewhere, one.start())
    following: Following = one._following

    async def stopping():
        elsewhere.stop()
        await asyncio.Event().wait()

    asking = asyncio.ensure_future(following.in_its_loop(stopping(), patience=30))
    await soon(lambda: not elsewhere.is_running())
    issuer.clock.advance(30)
    with pytest.raises(Refusal) as refused:
        await asking
    assert refused.value.reason is Reason.UNSYNCHRONIZED


@requirement("G-7")
async def test_a_loop_that_is_closed_before_a_fetch_refuses(issuer):
    loop = asyncio.new_event_loop()
    verifier = issuer.verifier(AUDIENCE)
    await asyncio.to_thread(_start_and_close, loop, verifier)

    async def never():
        pytest.fail("this loop is closed")

    with pytest.raises(Refusal) as refused:
        await verifier._following.in_its_loop(never())
    assert refused.value.reason is Reason.UNSYNCHRONIZED
    verifier._following.nudge(issuer.head + 1)


def _start_and_close(loop, verifier):
    loop.run_until_complete(verifier.start())
    wind_up(loop)


class SnapshotLater:
    """A fetcher that keeps the snapshot waiting until it is `released`, from any thread."""

    def __init__(self, network):
        self._network = network
        self.released = threading.Event()

    def __getattr__(self, name):
        return getattr(self._network, name)

    async def get(self, url, **options):
        if url.endswith("/snapshot"):
            await asyncio.to_thread(self.released.wait, PATIENCE)
        return await self._network.get(url, **options)


@requirement("G-7", "R-44")
def test_threads_with_loops_of_their_own_all_wait_for_the_first_sync(issuer):
    later = SnapshotLater(issuer.network)
    verifier = issuer.verifier(AUDIENCE, first_sync=5, fetcher=later)
    request = issuer.request(issuer.mint(audience=AUDIENCE))
    answers, waiting, answered = [], threading.Barrier(4), threading.Barrier(3)

    async def ask():
        asking = asyncio.ensure_future(verifier.verify(request))
        await a_while()
        answers.append(asking.done())
        await asyncio.to_thread(waiting.wait, PATIENCE)
        try:
            answers.append((await asyncio.wait_for(asking, PATIENCE)).tier)
        finally:
            # Whichever loop follows must outlive the requests of the others.
            await asyncio.to_thread(answered.wait, PATIENCE)

    threads = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(3)]
    for thread in threads:
        thread.start()
    waiting.wait(PATIENCE)
    later.released.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == [False] * 3 + [Tier.FRESH] * 3
