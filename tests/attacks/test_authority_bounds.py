"""Attacks on an authority node from within its process: each was once a way past a guarantee."""

from support.issuing_node import ISSUER, IssuingNode
from support.requirement import requirement
from support.taking_part import resource_server
from tokenry.feed.chain import ChainHead
from tokenry.feed.snapshot import load_snapshot, manifest_of
from tokenry.feed.staleness import ClockReading
from tokenry.feed.view import RevocationView
from tokenry.protocol.access_token import TokenSelectors


async def cold_view(store, clock, *, leeway) -> RevocationView:
    """Return the view of a verifier that starts now."""
    live = await store.live_records(ISSUER)
    head = ChainHead(live.head.seq, live.head.chain)
    manifest = manifest_of(ISSUER, head, live.records, closed=live.head.closed, profiles=0)
    view = RevocationView(ISSUER, leeway=leeway)
    at = ClockReading(clock.now(), clock.boottime())
    view.install(load_snapshot(manifest, live.records, capacity=10_000), at)
    return view


@requirement("G-1")
async def test_a_raised_leeway_brings_no_revoked_token_back_to_who_starts_cold(tmp_path):
    node = await IssuingNode.started(tmp_path)
    token = node.verified((await node.issue()).access_token)
    await node.revoke("client", "shop")
    await node.put(resource_server(leeway=60))
    node.clock.advance(token.exp + 59 - node.clock.now() // 1000)
    await node.store.tick()
    await node.store.purge(limit=100)
    view = await cold_view(node.store, node.clock, leeway=60)
    assert view.matches(TokenSelectors(ISSUER).of(token), token.rsn) is not None
