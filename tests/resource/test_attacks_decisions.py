"""Attacks on what a decision is made from: clocks, profiles held back, scopes misspelt (G-1)."""

import inspect

import pytest
from starlette.requests import HTTPConnection

import tokenry.resource
from support.background import a_while, soon
from support.requirement import requirement
from tokenry.feed.frame import Frame
from tokenry.jose import Algorithm, PrivateKey
from tokenry.resource import Reason, Tier, TokenRefused, TokenryMiddleware, require
from tokenry.vocabulary.instant import Instant

AUDIENCE = "https://orders.test"
PAYMENTS = "https://payments.test"


async def refusal(verifier, request, **required):
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(request, **required)
    return refused.value.reason, refused.value.status


class KnowledgeThatMovesOn:
    """Knowledge whose follower runs, in its thread, right after a decision has read `standing`."""

    def __init__(self, knowledge, moves_on):
        self._knowledge = knowledge
        self._moves_on = [moves_on]

    def __getattr__(self, name):
        return getattr(self._knowledge, name)

    @property
    def standing(self):
        standing = self._knowledge.standing
        if self._moves_on:
            self._moves_on.pop()()
        return standing


@requirement("G-1")
async def test_a_record_that_is_dropped_during_a_decision_still_refuses(issuer, verifier):
    request = issuer.request(issuer.mint(audience=AUDIENCE, subject="alice"))
    await verifier.verify(request)
    issuer.revoke("subject", "alice")
    await issuer.delivered()
    knowledge = verifier._knowledge
    later = issuer.clock.now() + 90_000_000

    def news():
        for second in range(400):
            closed = Instant(later + second * 1000)
            head, profiles = issuer.history.head, issuer.history.profiles
            frame = Frame.empty(issuer.url, head, closed=closed, profiles=profiles)
            knowledge.take_frame(frame, knowledge.reading())

    verifier._decisions._knowledge = KnowledgeThatMovesOn(knowledge, news)
    assert await refusal(verifier, request) == (Reason.STALE, 503)
    assert len(knowledge.view) == 0  # the record had been dropped before it was looked for


@requirement("G-1", "R-41")
async def test_a_signed_clock_that_stepped_ahead_sends_nobody_for_new_tokens(issuer, verifier):
    hour_ahead = Instant(issuer.clock.now() + 3_600_000)
    real = issuer.history._clock
    issuer.history._clock = type("", (), {"now": lambda _: hour_ahead})()
    issuer.network.publish(issuer.history.heartbeat_block())
    issuer.history._clock = real
    await verifier.applied(issuer.head, closed=hour_ahead)
    new = issuer.request(issuer.mint(audience=AUDIENCE))
    assert await refusal(verifier, new) == (Reason.STALE, 503)
    # What has expired by both clocks has expired.
    issuer.clock.advance(305)
    assert await refusal(verifier, new) == (Reason.EXPIRED, 401)


@requirement("G-1", "R-43")
async def test_a_profile_that_is_held_back_is_late_news(issuer, verifier):
    issuer.resource_server(AUDIENCE, low_risk_scopes={"low"}, max_token_lifetime=3600)
    await soon(lambda: verifier._knowledge.profile.low_risk_scopes == {"low"})
    old = verifier._knowledge.profile
    issuer.network.holding = True
    issuer.resource_server(AUDIENCE, max_token_lifetime=60)
    issuer.network.holding = False
    issuer.endpoints.declare(old)  # so that a range brings the old one again
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope="low high", lifetime=3600))
    issuer.advance(1)
    await issuer.delivered()
    for seconds, tier in ((5, Tier.FRESH), (0.001, Tier.REDUCED), (600, Tier.REDUCED)):
        for step in [seconds] if seconds < 600 else [1] * 600:
            issuer.advance(step)
            await issuer.delivered()
            await a_while()
        assert (await verifier.verify(request)).tier is tier
        assert verifier.tier is tier
    assert await refusal(verifier, request, required_scopes={"high"}) == (Reason.STALE, 503)
    # With the profile in force everything is as before.
    issuer.resource_server(AUDIENCE, max_token_lifetime=3600)
    await soon(lambda: verifier.tier is Tier.FRESH)
    assert (await verifier.verify(request)).scopes == {"low", "high"}


@requirement("R-44")
async def test_a_second_service_leaves_the_first_one_in_peace(issuer, verifier):
    issuer.resource_server(PAYMENTS)
    for _ in range(20):
        issuer.advance(1)
        await issuer.delivered()
        await a_while()
    assert [url for _, url in issuer.network.requests if "/range" in url] == []
    assert verifier._knowledge.profile.audience == AUDIENCE
    assert verifier._knowledge.profile.profile == issuer.history.profiles
    assert verifier.tier is Tier.FRESH


@requirement("G-1", "G-7")
@pytest.mark.parametrize("token", ["x.y.z", "unknown kid", "opaque"])
async def test_before_the_first_synchronization_every_token_gets_503(token, issuer):
    issuer.network.offline = True
    verifier = issuer.verifier(AUDIENCE, first_sync=0)
    if token == "unknown kid":
        token = issuer.mint(audience=AUDIENCE)
    elif token == "opaque":
        token = issuer.mint_opaque(audience=AUDIENCE)
    assert await refusal(verifier, issuer.request(token)) == (Reason.UNSYNCHRONIZED, 503)
    await verifier.close()


@requirement("G-1")
async def test_a_feed_key_of_another_algorithm_signs_nothing(issuer):
    issuer.feed_keys[:] = [PrivateKey.generate(Algorithm.ED25519)]
    verifier = issuer.verifier(AUDIENCE, first_sync=0)
    await verifier.start()
    await a_while()
    assert verifier.head is None
    issuer.feed_keys[:] = [PrivateKey.generate(Algorithm.ES256)]
    for _ in range(60):
        issuer.advance(1)
        await a_while()
    assert verifier.head == issuer.head
    await verifier.close()


@requirement("R-44")
def test_a_framework_that_reads_signatures_sees_that_require_takes_a_request():
    (parameter,) = inspect.signature(require("orders.read")).parameters.values()
    assert parameter.annotation is HTTPConnection
    assert parameter.default is inspect.Parameter.empty
    assert "scopes" in inspect.signature(require).parameters


@requirement("R-44")
@pytest.mark.parametrize(
    ("scope", "error"),
    [('a "b', ValueError), ("ü", ValueError), ("", ValueError), (["a", "b"], TypeError)],
)
async def test_what_is_no_scope_is_said_at_once(scope, error, issuer, verifier):
    with pytest.raises(error, match="expected"):
        require(scope)
    if isinstance(scope, str):
        request = issuer.request(issuer.mint(audience=AUDIENCE, scope="a b"))
        with pytest.raises(error, match="expected one scope"):
            await verifier.verify(request, required_scopes={scope})


@requirement("R-44")
async def test_a_str_is_not_taken_for_a_collection_of_scopes(issuer, verifier):
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope="o r"))
    token = await verifier.verify(request)
    with pytest.raises(TypeError, match="expected a collection of scopes"):
        await verifier.verify(request, required_scopes="orr")
    with pytest.raises(TypeError, match="expected a collection of scopes"):
        verifier.verify_at_hand(request, required_scopes="orr")
    with pytest.raises(TypeError, match="expected a collection of scopes"):
        verifier.require(token, "orr")


@requirement("P-8")
def test_everything_a_service_imports_is_found_in_one_place():
    for name in tokenry.resource.__all__:
        assert getattr(tokenry.resource, name).__name__ == name
    assert TokenryMiddleware.__module__ == "tokenry.resource.adapters.asgi"
