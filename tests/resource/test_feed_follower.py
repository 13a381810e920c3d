"""Loss, repetition, reordering, restarts: the view catches up, or says that it cannot (G-1)."""

import asyncio
import json

import pytest

from support.background import a_while, soon
from support.requirement import requirement
from tokenry.feed.outcomes import ViewState
from tokenry.jose import Algorithm, PrivateKey, sign_compact
from tokenry.resource import Reason, Response, Tier, TokenRefused
from tokenry.resource.events import Alarm, AlarmKind, FeedLost, Synchronized
from tokenry.resource.feed_follower import LONGEST_PAUSE, PAUSE_WHEN_FULL, SILENCE
from tokenry.resource.testing import TestingIssuer
from tokenry.vocabulary.sequence import SequenceNumber

AUDIENCE = "https://orders.test"


async def reconnected(issuer) -> None:
    """Let time pass until the verifier has come back."""
    for _ in range(100):
        if issuer.network.open_streams:
            return
        issuer.advance(1)
        await a_while()
    pytest.fail("the verifier did not come back")


def asked(issuer, path: str) -> int:
    return sum(url.removeprefix(issuer.url).startswith(path) for _, url in issuer.network.requests)


async def is_revoked(issuer, verifier, token) -> bool:
    try:
        await verifier.verify(issuer.request(token))
    except TokenRefused as refused:
        if refused.reason is Reason.REVOKED:
            return True
        raise
    return False


def revoked_tokens(issuer, count):
    """Revoke some tokens while the network holds the news back; returns tokens and blocks."""
    issuer.network.holding = True
    tokens = [issuer.mint(audience=AUDIENCE, subject=f"user-{n}") for n in range(count)]
    for n in range(count):
        issuer.revoke("subject", f"user-{n}")
    issuer.network.holding = False
    blocks, issuer.network.held[:] = list(issuer.network.held), []
    return tokens, blocks


@requirement("G-1")
@pytest.mark.parametrize(
    ("order", "ranges"),
    [
        ([0, 1, 2, 3], 0),
        ([0, 0, 1, 2, 2, 3, 1, 0], 0),
        ([3], 1),  # three lost
        ([1, 0, 2, 3], 1),
        ([3, 2, 1, 0], 1),
        ([2, 0, 3], 1),
    ],
)
async def test_lost_repeated_and_reordered_frames_end_in_the_same_view(
    order, ranges, issuer, verifier
):
    tokens, blocks = revoked_tokens(issuer, 4)
    for at in order:
        issuer.network.deliver(blocks[at])
    await issuer.delivered()
    assert asked(issuer, "/feed/range") == ranges
    assert [await is_revoked(issuer, verifier, token) for token in tokens] == [True] * 4


@requirement("G-1")
async def test_a_heartbeat_alone_shows_that_news_was_lost(issuer, verifier):
    (token,), _ = revoked_tokens(issuer, 1)
    issuer.advance(1)
    await issuer.delivered()
    assert await is_revoked(issuer, verifier, token)


@requirement("G-1")
async def test_what_is_no_longer_kept_comes_by_snapshot(issuer, verifier, events):
    tokens, blocks = revoked_tokens(issuer, 3)
    issuer.endpoints.kept_after = issuer.head
    issuer.network.deliver(blocks[2])
    await issuer.delivered()
    assert asked(issuer, "/feed/snapshot") == 2
    assert [await is_revoked(issuer, verifier, token) for token in tokens] == [True] * 3
    assert Synchronized(issuer.head, 3) in events


@requirement("G-1")
async def test_a_gap_at_resumption_comes_by_snapshot(issuer, verifier):
    issuer.network.end_streams()
    await soon(lambda: not issuer.network.open_streams)
    tokens, _ = revoked_tokens(issuer, 2)
    issuer.endpoints.kept_after = issuer.head
    await reconnected(issuer)
    await issuer.delivered()
    assert asked(issuer, "/feed/snapshot") == 2
    assert [await is_revoked(issuer, verifier, token) for token in tokens] == [True] * 2


@requirement("G-1", "R-32")
@pytest.mark.parametrize("how", ["end_streams", "break_streams"])
async def test_after_a_reconnect_the_feed_resumes_where_the_view_stands(
    how, issuer, verifier, events
):
    issuer.revoke("jti", "x")
    await issuer.delivered()
    at = issuer.head
    getattr(issuer.network, how)()
    await soon(lambda: not issuer.network.open_streams)
    tokens, _ = revoked_tokens(issuer, 2)
    await reconnected(issuer)
    await issuer.delivered()
    assert ("GET", f"{issuer.url}/feed?after={at}") in issuer.network.requests
    assert asked(issuer, "/feed/snapshot") == 1
    assert asked(issuer, "/feed/range") == 0
    assert [await is_revoked(issuer, verifier, token) for token in tokens] == [True] * 2
    assert any(isinstance(event, FeedLost) for event in events)


@requirement("G-8")
async def test_pauses_between_attempts_grow_and_are_jittered(issuer, verifier, events):
    issuer.network.offline = True
    for _ in range(40):
        issuer.advance(LONGEST_PAUSE, heartbeat=False)
        await a_while()
    pauses = [event.retry_in for event in events if isinstance(event, FeedLost)]
    assert max(pauses) <= LONGEST_PAUSE
    assert max(pauses[-10:]) > 1
    assert len(set(pauses[-10:])) > 5
    assert pauses[0] <= 0.25
    issuer.network.offline = False
    await reconnected(issuer)
    await issuer.delivered()
    assert verifier.tier is Tier.FRESH


@requirement("G-1")
async def test_a_connection_that_says_nothing_is_given_up(issuer, verifier, events):
    for _ in range(int(SILENCE) + 3):
        issuer.advance(1, heartbeat=False)
        await a_while()
    await soon(lambda: any(isinstance(event, FeedLost) for event in events))
    assert "no news" in next(e.because for e in events if isinstance(e, FeedLost))
    await reconnected(issuer)
    await soon(lambda: verifier.tier is Tier.FRESH)


@requirement("G-1")
async def test_unknown_events_and_members_are_for_later_releases(issuer, verifier, events):
    issuer.network.deliver(b"event: horoscope\ndata: {not even json\n\n: a comment\n\n")
    frame = json.loads(issuer.history.frames(issuer.head)[0].to_payload()) | {"mood": "sunny"}
    jws = sign_compact(
        json.dumps(frame).encode(), key=issuer.feed_keys[-1], typ="tokenry-frame+jws"
    )
    issuer.network.deliver(f"event: frame\nid: 1\ndata: {jws}\n\n".encode())
    issuer.revoke("jti", "x")
    await issuer.delivered()
    assert not any(isinstance(event, FeedLost) for event in events)


def frame_jws(issuer, *, key=None, typ="tokenry-frame+jws", **changed) -> str:
    frame = json.loads(issuer.history.frames(issuer.head)[0].to_payload()) | changed
    key = issuer.feed_keys[-1] if key is None else key
    return sign_compact(json.dumps(frame).encode(), key=key, typ=typ)


@requirement("G-1")
@pytest.mark.parametrize(
    ("make", "alarm"),
    [
        (lambda i: frame_jws(i, version=2), False),
        (lambda i: frame_jws(i, version="1"), False),
        (lambda i: frame_jws(i, last=-1), False),
        (lambda i: frame_jws(i, typ="at+jwt"), True),
        (lambda i: frame_jws(i, typ="tokenry-heartbeat+jws"), True),
        (lambda i: frame_jws(i, key=i.token_keys[-1]), True),
        (lambda i: frame_jws(i, key=PrivateKey.generate(Algorithm.ES256)), True),
        (lambda i: frame_jws(i)[:-4] + "AAAA", True),
        (lambda i: "x" * 300_000, None),
    ],
)
async def test_what_no_feed_key_has_signed_ends_the_connection(
    make, alarm, issuer, verifier, events
):
    issuer.network.deliver(f"event: frame\ndata: {make(issuer)}\n\n".encode())
    await soon(lambda: any(isinstance(event, FeedLost) for event in events))
    alarms = [e.kind for e in events if isinstance(e, Alarm)]
    assert alarm is None or alarms == ([AlarmKind.SIGNATURE] if alarm else [])
    token, _ = issuer.mint(audience=AUDIENCE, subject="bob"), issuer.revoke("subject", "bob")
    await reconnected(issuer)
    await issuer.delivered()
    assert await is_revoked(issuer, verifier, token)


@requirement("G-1", "G-5")
async def test_a_new_feed_key_is_fetched_and_a_removed_one_not_trusted_again(
    issuer, verifier, events
):
    old = issuer.feed_keys[-1]
    issuer.feed_keys.append(PrivateKey.generate(Algorithm.ES256))
    issuer.advance(11)  # the last fetch was longer ago than the interval for unknown kids
    issuer.revoke("jti", "x")
    await issuer.delivered()
    assert not any(isinstance(event, FeedLost) for event in events)
    issuer.feed_keys.remove(old)
    issuer.advance(400)
    await issuer.delivered()
    await soon(lambda: asked(issuer, "/feed/jwks") >= 3)
    await a_while()
    issuer.network.deliver(f"event: frame\ndata: {frame_jws(issuer, key=old)}\n\n".encode())
    await soon(lambda: any(isinstance(event, Alarm) for event in events))
    assert [e.kind for e in events if isinstance(e, Alarm)] == [AlarmKind.SIGNATURE]


@requirement("G-1", "G-8")
async def test_a_view_that_is_full_allows_nothing_until_a_snapshot_fits(issuer, events):
    verifier = issuer.verifier(AUDIENCE, max_live_revocations=3, on_event=events.append)
    await verifier.start()
    token = issuer.mint(audience=AUDIENCE)
    assert not await is_revoked(issuer, verifier, token)
    for n in range(4):
        issuer.revoke("jti", str(n))
    await soon(lambda: verifier._knowledge.view.state is ViewState.FULL)
    assert verifier.tier is Tier.NOTHING
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(issuer.request(token))
    assert refused.value.reason is Reason.UNSYNCHRONIZED
    assert AlarmKind.VIEW_FULL in [e.kind for e in events if isinstance(e, Alarm)]
    # Snapshots that do not fit are work, so they are tried less often.
    snapshots = asked(issuer, "/feed/snapshot")
    issuer.advance(PAUSE_WHEN_FULL - 1)
    await a_while()
    assert asked(issuer, "/feed/snapshot") == snapshots
    # When the records have expired, a snapshot fits again.
    issuer.advance(24 * 3600 + 3600)
    await soon(lambda: verifier._knowledge.view.state is ViewState.SYNCHRONIZED)
    assert verifier.tier is Tier.FRESH
    await verifier.close()


@requirement("G-1", "G-8")
async def test_a_snapshot_beyond_the_capacity_is_not_even_read_whole(issuer, events):
    for n in range(2000):
        issuer.history.revoke("jti", str(n))
    verifier = issuer.verifier(AUDIENCE, max_live_revocations=100, on_event=events.append)
    starting = asyncio.ensure_future(verifier.start())
    await soon(lambda: verifier._knowledge.view.state is ViewState.FULL)
    assert verifier.tier is Tier.NOTHING
    issuer.advance(10)
    await starting
    await verifier.close()


@requirement("G-1")
async def test_a_second_history_ends_trust_until_a_snapshot_of_it_is_no_older(
    issuer, verifier, events
):
    token = issuer.mint(audience=AUDIENCE, subject="alice")
    issuer.revoke("subject", "alice")
    await issuer.delivered()
    # The same numbers once more, with other records: a database that was set back.
    other = TestingIssuer(issuer.url, clock=issuer.clock)
    other.feed_keys[:] = issuer.feed_keys
    other.revoke("jti", "something else")
    issuer.network.deliver(other.history.frame_block(other.history.frames(other.head - 1)[0]))
    await soon(lambda: any(isinstance(event, Alarm) for event in events))
    assert [e.kind for e in events if isinstance(e, Alarm)] == [AlarmKind.HISTORY]
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(issuer.request(token))
    assert refused.value.status in {401, 503}
    assert verifier.tier is Tier.NOTHING
    await reconnected(issuer)
    await soon(lambda: verifier.tier is Tier.FRESH)
    assert await is_revoked(issuer, verifier, token)


@requirement("G-1")
async def test_a_token_from_beyond_the_head_is_accepted_and_nudges_the_follower(issuer, verifier):
    (revoked,), _ = revoked_tokens(issuer, 1)
    token = issuer.mint(audience=AUDIENCE)
    assert token
    assert not await is_revoked(issuer, verifier, token)
    await a_while()
    assert verifier.head < issuer.head
    issuer.advance(0.05, heartbeat=False)
    await issuer.delivered()
    assert asked(issuer, "/feed/range") == 1
    assert await is_revoked(issuer, verifier, revoked)


@requirement("G-1", "G-8")
async def test_tokens_from_far_beyond_the_head_cannot_make_requests_pile_up(issuer, verifier):
    for n in range(30):
        token = issuer.mint(audience=AUDIENCE, rsn=SequenceNumber(issuer.head + 1000 + n))
        await verifier.verify(issuer.request(token))
        await a_while()
    issuer.advance(0.9, heartbeat=False)
    await a_while()
    assert asked(issuer, "/feed/range") <= 2


@requirement("G-1")
@pytest.mark.parametrize(
    "answer",
    [
        Response(500, {}, b""),
        Response(200, {}, b"nonsense"),
        Response(200, {}, b'{"version":1}'),
        Response(200, {}, b'{"version":2,"profile":"","frames":[],"more":false}'),
    ],
)
async def test_a_useless_range_ends_the_connection_and_resumption_helps(
    answer, issuer, verifier, events
):
    real = issuer.network._answer
    issuer.network._answer = lambda method, url, headers, body: (
        answer if "/feed/range" in url else real(method, url, headers, body)
    )
    tokens, blocks = revoked_tokens(issuer, 2)
    issuer.network.deliver(blocks[1])
    await soon(lambda: any(isinstance(event, FeedLost) for event in events))
    await reconnected(issuer)
    await issuer.delivered()
    assert [await is_revoked(issuer, verifier, token) for token in tokens] == [True] * 2


@requirement("G-1", "RFC 8414 §3.3")
@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://issuer.test/"},
        {"jwks_uri": "http://issuer.test/jwks"},
        {"tokenry_feed_endpoint": "ftp://issuer.test/feed"},
        {"tokenry_feed_range_endpoint": None},
        {"tokenry_feed_jwks_uri": "https://user@issuer.test/"},
    ],
)
async def test_metadata_that_is_not_the_issuers_or_unsafe_is_not_followed(change, issuer, events):
    told = issuer.endpoints._metadata() | change
    issuer.endpoints._metadata = lambda: told
    verifier = issuer.verifier(AUDIENCE, first_sync=0, on_event=events.append)
    await verifier.start()
    await soon(lambda: any(isinstance(event, FeedLost) for event in events))
    assert verifier.head is None
    assert all("well-known" in url for _, url in issuer.network.requests)
    await verifier.close()
