"""What hangs, trickles or breaks oddly holds up nothing that can do without it (G-1, G-8)."""

import asyncio

import pytest

from support.background import a_while, soon
from support.requirement import requirement
from support.slow_network import SlowNetwork
from tokenry.resource import Reason, Tier, TokenRefused
from tokenry.resource.events import Alarm, FeedLost
from tokenry.resource.feed_follower import NUDGE_PAUSE, SILENCE
from tokenry.resource.issuer_client import ANSWER_SECONDS, SNAPSHOT_SECONDS
from tokenry.resource.position_reports import EVERY
from tokenry.vocabulary.sequence import SequenceNumber

AUDIENCE = "https://orders.test"


@pytest.fixture
def network(issuer):
    return SlowNetwork(issuer)


@pytest.fixture
async def follower(issuer, network, events):
    """A verifier over the slow network, synchronized before anything is slow."""
    async with issuer.verifier(AUDIENCE, fetcher=network, on_event=events.append) as verifier:
        await issuer.delivered()
        yield verifier


async def seconds_pass(issuer, seconds: int) -> None:
    for _ in range(seconds):
        issuer.advance(1)
        await a_while()


async def reason(issuer, verifier, token) -> Reason | None:
    try:
        await verifier.verify(issuer.request(token))
    except TokenRefused as refused:
        return refused.reason
    return None


@requirement("G-1")
async def test_a_feed_key_refetch_that_hangs_delays_no_revocation(issuer, network, follower):
    network.slow = "/feed/jwks"
    for _ in range(300):  # until the refetch that is due by max-age
        if network.waiting:
            break
        await seconds_pass(issuer, 1)
    assert network.waiting == 1
    token = issuer.mint(audience=AUDIENCE, subject="alice")
    issuer.revoke("subject", "alice")
    await issuer.delivered()
    assert network.waiting == 1
    assert await reason(issuer, follower, token) is Reason.REVOKED


@requirement("G-1")
async def test_a_nudged_range_that_hangs_delays_no_revocation(issuer, network, follower):
    network.slow = "/feed/range"
    token = issuer.mint(audience=AUDIENCE, subject="alice")
    ahead = issuer.mint(audience=AUDIENCE, rsn=SequenceNumber(issuer.head + 1000))
    assert await reason(issuer, follower, ahead) is None
    await a_while()
    issuer.advance(NUDGE_PAUSE, heartbeat=False)
    await soon(lambda: network.waiting)
    issuer.revoke("subject", "alice")
    await issuer.delivered()
    assert network.waiting == 1
    assert await reason(issuer, follower, token) is Reason.REVOKED


@requirement("G-1", "G-8")
async def test_an_answer_has_to_be_whole_in_time(issuer, network, follower, events):
    network.slow = "/feed/range"
    issuer.network.holding = True
    issuer.revoke("jti", "lost")
    issuer.network.holding = False
    token = issuer.mint(audience=AUDIENCE, subject="alice")
    issuer.revoke("subject", "alice")  # its frame shows that one was lost
    await soon(lambda: network.waiting)
    await seconds_pass(issuer, int(ANSWER_SECONDS))
    await soon(lambda: any(isinstance(event, FeedLost) for event in events))
    because = next(event.because for event in events if isinstance(event, FeedLost))
    assert "no whole answer within 10 seconds" in because
    # The range still hangs; the stream resumes after the view's head all the same.
    await seconds_pass(issuer, 2)
    await issuer.delivered()
    assert await reason(issuer, follower, token) is Reason.REVOKED


@requirement("G-1")
async def test_a_slow_link_synchronizes_however_long_the_stream_is_not_read(
    issuer, network, events
):
    network.slow, network.seconds = "/feed/snapshot", SILENCE * 2.5
    verifier = issuer.verifier(AUDIENCE, fetcher=network, first_sync=0, on_event=events.append)
    await verifier.start()
    await seconds_pass(issuer, int(SILENCE * 2.5) + 2)
    await soon(lambda: verifier.tier is Tier.FRESH)
    assert network.begun == 1
    assert not any(isinstance(event, FeedLost) for event in events)
    await verifier.close()


@requirement("G-1", "G-8")
async def test_a_snapshot_that_never_ends_is_given_up(issuer, network, events):
    network.slow = "/feed/snapshot"
    verifier = issuer.verifier(
        AUDIENCE, fetcher=network, first_sync=0, max_live_revocations=10, on_event=events.append
    )
    await verifier.start()
    await soon(lambda: network.waiting)
    await seconds_pass(issuer, int(SNAPSHOT_SECONDS))
    assert network.begun == 1
    await seconds_pass(issuer, 2)
    assert network.begun == 2
    network.released.set()
    await soon(lambda: verifier.tier is Tier.FRESH)
    await verifier.close()


@requirement("G-8")
@pytest.mark.parametrize(
    "fault",
    [OSError("reset"), RuntimeError("closed"), ValueError("url"), TimeoutError()],
    ids=lambda fault: type(fault).__name__,
)
async def test_whatever_a_fetcher_raises_ends_one_request_only(
    fault, issuer, network, follower, events
):
    network.slow, network.fault = "test/jwks", fault
    issuer.advance(11)
    issuer.rotate_key()
    unknown = issuer.mint(audience=AUDIENCE)
    assert await reason(issuer, follower, unknown) is Reason.AUTHORITY_UNREACHABLE
    network.slow = "stream"
    issuer.network.break_streams()
    await seconds_pass(issuer, 5)
    assert not issuer.network.open_streams
    assert any(repr(fault) in e.because for e in events if isinstance(e, FeedLost))
    network.fault = None
    await seconds_pass(issuer, 20)
    await issuer.delivered()
    assert follower.tier is Tier.FRESH
    assert await reason(issuer, follower, unknown) is None
    assert not any(isinstance(event, Alarm) for event in events)


@requirement("G-1")
async def test_a_hole_is_mended_by_a_snapshot_that_was_merged_before_it_is_installed(
    issuer, follower, monkeypatch
):
    known = issuer.mint(audience=AUDIENCE, subject="alice")
    issuer.revoke("subject", "alice")
    await issuer.delivered()
    view, merged = follower._knowledge.view, []
    install = view.install

    def noted(snapshot, at):
        merged.append(snapshot.merged == view.version)
        return install(snapshot, at)

    monkeypatch.setattr(view, "install", noted)
    issuer.network.holding = True
    issuer.revoke("jti", "lost")
    issuer.network.holding = False
    issuer.endpoints.kept_after = issuer.head + 1
    issuer.revoke("jti", "delivered")
    await issuer.delivered()
    assert merged == [True]  # so there was nothing left to merge in the event loop
    assert await reason(issuer, follower, known) is Reason.REVOKED


@requirement("G-5")
async def test_positions_are_reported_for_keys_at_once_and_for_records_with_the_next(
    issuer, follower
):
    positions = issuer.endpoints.positions
    await soon(lambda: positions and positions[-1]["keys"])
    before = len(positions)
    for n in range(20):
        issuer.revoke("jti", str(n))
    await issuer.delivered()
    await a_while()
    assert len(positions) == before
    issuer.advance(11)  # the interval for unknown kids; a regular report is due as well
    await issuer.delivered()
    await a_while()
    assert [positions[-1]["head"], len(positions)] == [issuer.head, before + 1]
    new = issuer.rotate_key()
    await follower.verify(issuer.request(issuer.mint(audience=AUDIENCE)))
    await soon(lambda: len(positions) == before + 2)
    assert new in positions[-1]["keys"]


@requirement("G-5", "G-8")
async def test_a_report_that_does_not_get_through_waits_for_the_next(issuer, network):
    network.slow, network.fault = "/feed/position", OSError("reset")
    async with issuer.verifier(AUDIENCE, fetcher=network):
        await issuer.delivered()
        await a_while()
        tried = network.begun
        assert tried in {1, 2}  # once synchronized, and again if the keys came after that
        await a_while()
        assert network.begun == tried
        network.slow = None
        issuer.advance(EVERY * 1.25)
        await soon(lambda: issuer.endpoints.positions)


@requirement("R-43")
async def test_a_start_from_an_older_snapshot_waits_for_fresh_news(issuer):
    real, closed = issuer.endpoints.answer, issuer.clock.now()

    def old_snapshot(method, url, headers, body):
        if not url.endswith("/feed/snapshot"):
            return real(method, url, headers, body)
        present, issuer.history._clock = issuer.history._clock, _StoppedAt(closed)
        try:
            return real(method, url, headers, body)
        finally:
            issuer.history._clock = present

    issuer.network._answer = old_snapshot
    issuer.clock.advance(30)
    network = SlowNetwork(issuer)
    network.slow = "/feed/jwks"
    verifier = issuer.verifier(AUDIENCE, fetcher=network)
    request = issuer.request(issuer.mint(audience=AUDIENCE))
    first = asyncio.ensure_future(verifier.verify(request))
    await soon(lambda: network.waiting)
    network.released.set()
    await soon(lambda: verifier.tier is not Tier.NOTHING)
    second = asyncio.ensure_future(verifier.verify(request))
    assert [token.tier for token in await asyncio.gather(first, second)] == [Tier.FRESH] * 2
    await verifier.close()


class _StoppedAt:
    def __init__(self, at):
        self._at = at

    def now(self):
        return self._at
