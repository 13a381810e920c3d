"""The signed profile: changes are followed, older ones and those of others are not."""

import msgspec
import pytest

from support.background import a_while, soon
from support.requirement import requirement
from tokenry.feed.profile import Tiers
from tokenry.resource import Reason, TokenRefused
from tokenry.resource.events import FeedLost

AUDIENCE = "https://orders.test"


@requirement("G-1", "R-04")
async def test_the_profile_follows_changes_and_never_goes_backwards(issuer, verifier):
    issuer.resource_server(AUDIENCE, max_token_lifetime=60)
    new = issuer.history.profiles
    await soon(lambda: verifier._knowledge.profile.profile == new)
    short, long = (issuer.mint(audience=AUDIENCE, lifetime=n) for n in (60, 61))
    await verifier.verify(issuer.request(short))
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(issuer.request(long))
    assert refused.value.reason is Reason.LIFETIME
    # An old profile, replayed.
    old = msgspec.structs.replace(
        verifier._knowledge.profile, profile=new - 1, max_token_lifetime=3600
    )
    issuer.network.deliver(issuer.history.profile_block(old))
    issuer.revoke("jti", "x")
    await issuer.delivered()
    assert verifier._knowledge.profile.profile == new


@requirement("R-04")
async def test_a_shorter_lifetime_reaches_tokens_that_were_seen_before(issuer, verifier):
    token = issuer.mint(audience=AUDIENCE, lifetime=300)
    await verifier.verify(issuer.request(token))
    issuer.resource_server(AUDIENCE, max_token_lifetime=60, tiers=Tiers())
    await soon(lambda: verifier._knowledge.profile.max_token_lifetime == 60)
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(issuer.request(token))
    assert refused.value.reason is Reason.LIFETIME


@requirement("G-1")
async def test_a_profile_of_another_service_ends_the_connection(issuer, verifier, events):
    issuer.credentials("https://pay.test")
    foreign = msgspec.structs.replace(
        verifier._knowledge.profile, audience="https://pay.test", profile=99
    )
    issuer.network.deliver(issuer.history.profile_block(foreign))
    await soon(lambda: any(isinstance(event, FeedLost) for event in events))
    assert verifier._knowledge.profile.audience == AUDIENCE


@requirement("G-1")
async def test_a_profile_that_only_a_frame_speaks_of_is_fetched(issuer, verifier):
    issuer.network.holding = True
    issuer.resource_server(AUDIENCE, low_risk_scopes={"a"})
    issuer.network.holding = False
    issuer.revoke("jti", "x")
    await issuer.delivered()
    await a_while()
    issuer.advance(0.1)
    await soon(lambda: verifier._knowledge.profile.low_risk_scopes == {"a"})
