"""Profiles: what was declared, newer versions to the right subscribers, and removal."""

import pytest

from support.feed_node import ISSUER, ORDERS, PAYMENTS, FeedNode, resource_server
from support.requirement import requirement
from tokenry.ports.plans import PutCeiling, RemoveResourceServer
from tokenry.protocol.registry import LifetimeCeiling
from tokenry.vocabulary.errors import InvalidClient
from tokenry.vocabulary.identifiers import Audience
from tokenry.vocabulary.instant import Seconds, later


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


@requirement("R-04", "G-1")
async def test_a_profile_says_what_was_declared_and_counts_ceilings_in_force(node):
    now = node.clock.now()
    await node.change(
        PutCeiling(LifetimeCeiling(resource_server=ORDERS, lifetime=Seconds(900), until=None)),
        PutCeiling(
            LifetimeCeiling(resource_server=ORDERS, lifetime=Seconds(4000), until=later(now, -1))
        ),
        PutCeiling(LifetimeCeiling(resource_server=PAYMENTS, lifetime=Seconds(5000), until=None)),
    )
    await node.publisher.publish()
    follower = await node.synchronized()
    profile = follower.profiles[-1]
    assert profile.audience == "https://orders.example"
    assert profile.max_token_lifetime == 900
    assert (profile.tiers.fresh, profile.tiers.reduced, profile.tiers.survival) == (5, 60, 900)
    assert profile.low_risk_scopes == {"orders.read"}
    assert profile.survival_scopes == frozenset()
    assert profile.leeway == 5
    assert profile.profile == (await node.store.head(ISSUER)).profiles


@requirement("R-04", "R-36", "G-1")
async def test_when_a_ceiling_has_run_out_verifiers_are_told_of_the_lower_one(node):
    """Otherwise whoever started since the lifetime was lowered would allow the old one for good."""
    until = later(node.clock.now(), Seconds(10))
    ceiling = LifetimeCeiling(resource_server=ORDERS, lifetime=Seconds(900), until=until)
    await node.change(PutCeiling(ceiling))
    await node.publisher.publish()
    stream = await node.publisher.subscribe(ORDERS, after=None)
    follower = node.follower()
    follower.read(await stream.next())
    node.clock.advance(10)
    await node.store.tick()
    await node.store.purge(limit=500)
    await node.publisher.publish()
    follower.read(await stream.next())
    before, after = follower.profiles
    assert (before.max_token_lifetime, after.max_token_lifetime) == (900, 300)
    assert after.profile > before.profile


async def test_tiers_that_were_declared_out_of_order_are_widened(node):
    await node.put(
        resource_server(
            PAYMENTS,
            fresh=Seconds(30),
            reduced=Seconds(20),
            survival=Seconds(10),
            lifetime=Seconds(5),
        )
    )
    await node.publisher.publish()
    follower = node.follower()
    follower.take_snapshot((await node.publisher.snapshot(PAYMENTS)).body.to_bytes())
    tiers = follower.profiles[-1].tiers
    assert (tiers.fresh, tiers.reduced, tiers.survival) == (30, 30, 30)


async def test_a_changed_profile_is_sent_to_its_own_subscribers_with_a_higher_version(node):
    await node.put(resource_server(PAYMENTS))
    await node.publisher.publish()
    streams = {
        name: await node.publisher.subscribe(name, after=None) for name in (ORDERS, PAYMENTS)
    }
    followers = {name: node.follower() for name in streams}
    for name, stream in streams.items():
        followers[name].read(await stream.next())
    await node.put(resource_server(leeway=Seconds(7)))
    await node.publisher.publish()
    for name, stream in streams.items():
        followers[name].read(await stream.next())
    before, after = followers[ORDERS].profiles
    assert (before.leeway, after.leeway) == (5, 7)
    assert after.profile > before.profile
    assert [p.audience for p in followers[PAYMENTS].profiles] == ["https://payments.example"] * 2


async def test_the_streams_of_a_removed_resource_server_end_and_it_gets_no_more(node):
    await node.put(resource_server(PAYMENTS))
    await node.publisher.publish()
    removed = await node.publisher.subscribe(PAYMENTS, after=None)
    kept = await node.publisher.subscribe(ORDERS, after=None)
    await removed.next()
    await node.change(RemoveResourceServer(PAYMENTS))
    await node.publisher.publish()
    assert await removed.next() is None
    assert await kept.next() is not None
    with pytest.raises(InvalidClient):
        await node.publisher.subscribe(PAYMENTS, after=None)


async def test_profiles_of_other_versions_do_not_go_back(node):
    await node.put(resource_server(audience=Audience("https://moved.example")))
    await node.publisher.publish()
    version = node.publisher._profiles.version
    await node.publisher._profiles.read(version - 1)
    assert node.publisher._profiles.version == version
