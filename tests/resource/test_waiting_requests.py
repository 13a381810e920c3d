"""Requests that wait for the issuer share what is fetched, within bounds (G-8)."""

import asyncio
import json

import pytest

from support.background import a_while
from support.requirement import requirement
from support.slow_network import SlowNetwork
from tokenry.jose import Algorithm, KeySet, PrivateKey
from tokenry.resource import Reason, TokenRefused
from tokenry.resource.http_client import FetchFailed
from tokenry.resource.introspection import MAX_WAITING as MAX_WAITING_FOR_ANSWERS
from tokenry.resource.issuer_client import ANSWER_SECONDS, PublishedKeys
from tokenry.resource.key_cache import MAX_WAITING as MAX_WAITING_FOR_KEYS
from tokenry.resource.key_cache import KeyCache
from tokenry.resource.refusal import Refusal
from tokenry.resource.shared_request import SharedRequest
from tokenry.resource.testing import ManualClock
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.selectors import SelectorKind, selector

ISSUER = IssuerUrl("https://issuer.test")
AUDIENCE = "https://orders.test"


class Published:
    """Keys whose fetch is answered only when `open` is set, with what was published at first."""

    def __init__(self):
        self.keys = [PrivateKey.generate(Algorithm.ES256)]
        self.open = asyncio.Event()
        self.fetches = 0

    async def __call__(self):
        self.fetches += 1
        document = KeySet.of(key.public for key in self.keys).to_jwks()
        await self.open.wait()
        return PublishedKeys(json.dumps(document).encode(), 300)


@pytest.fixture
def published():
    return Published()


@pytest.fixture
def cache(published):
    return KeyCache(published, issuer=ISSUER, clock=ManualClock())


@requirement("G-1", "G-5")
async def test_a_key_at_hand_is_found_while_a_fetch_hangs(cache, published):
    published.open.set()
    await cache.refresh()
    published.open.clear()
    refetch = asyncio.ensure_future(cache.refresh())
    await a_while()
    finding = asyncio.ensure_future(cache.obtain(published.keys[0].public.kid))
    await a_while()
    assert finding.done()
    assert not refetch.done()
    await cache.close()
    await asyncio.gather(refetch, return_exceptions=True)


@requirement("G-5", "G-8")
async def test_requests_that_go_away_cause_no_more_fetches(cache, published):
    for n in range(20):
        asking = asyncio.ensure_future(cache.obtain(f"garbage-{n}"))
        await a_while()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert published.fetches == 1
    patient = asyncio.ensure_future(cache.obtain(published.keys[0].public.kid))
    await a_while()
    published.open.set()
    assert await patient is not None
    assert published.fetches == 1


@requirement("G-8")
async def test_no_more_than_so_many_wait_for_one_fetch_of_keys(cache, published):
    waiting = [asyncio.ensure_future(cache.obtain("new")) for _ in range(MAX_WAITING_FOR_KEYS)]
    await a_while()
    with pytest.raises(Refusal) as refused:
        await cache.obtain("new")
    assert refused.value.reason is Reason.OVERLOADED
    published.open.set()
    assert await asyncio.gather(*waiting) == [None] * MAX_WAITING_FOR_KEYS
    assert await cache.obtain("new") is None  # nobody waits any more


@requirement("G-5")
async def test_a_key_dropped_during_a_fetch_is_replaced_by_the_next(cache, published):
    before = asyncio.ensure_future(cache.refresh())
    await a_while()
    stolen = published.keys.pop()
    published.keys.append(PrivateKey.generate(Algorithm.ES256))
    cache.drop(selector(ISSUER, SelectorKind.KEY, stolen.public.thumbprint))
    emergency = asyncio.ensure_future(cache.refresh())
    published.open.set()
    assert await before
    assert await emergency
    assert cache.thumbprints == (published.keys[0].public.thumbprint,)
    assert published.fetches == 2


@requirement("G-8")
async def test_closing_ends_a_shared_request_for_all_who_wait():
    never = asyncio.Event()
    request = SharedRequest(never.wait)
    waiting = [asyncio.ensure_future(request.answer()) for _ in range(3)]
    await a_while()
    await request.close()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [FetchFailed] * 3
    assert not request.is_under_way
    assert request.waiting == 0


@requirement("G-8", "R-42")
async def test_no_more_than_so_many_wait_for_introspection(issuer):
    network = SlowNetwork(issuer)
    async with issuer.verifier(AUDIENCE, fetcher=network) as verifier:
        await issuer.delivered()
        network.slow = "/introspect"
        request = issuer.request(issuer.mint_opaque(audience=AUDIENCE))
        waiting = [
            asyncio.ensure_future(verifier.verify(request)) for _ in range(MAX_WAITING_FOR_ANSWERS)
        ]
        await a_while()
        for busy in (request, issuer.request(issuer.mint_opaque(audience=AUDIENCE))):
            with pytest.raises(TokenRefused) as refused:
                await verifier.verify(busy)
            assert refused.value.reason is Reason.OVERLOADED
        network.released.set()
        assert {token.audience for token in await asyncio.gather(*waiting)} == {AUDIENCE}
        assert network.begun == 1


@requirement("G-8", "R-41")
async def test_metadata_that_hangs_fails_all_who_wait_at_the_same_time(issuer):
    network = SlowNetwork(issuer)
    async with issuer.verifier(AUDIENCE, fetcher=network) as verifier:
        await issuer.delivered()
        verifier._following._client.forget_metadata()
        network.slow = "oauth-authorization-server"
        tokens = [issuer.mint_opaque(audience=AUDIENCE) for _ in range(5)]
        asking = [asyncio.ensure_future(verifier.verify(issuer.request(t))) for t in tokens]
        await a_while()
        assert network.begun == 1
        issuer.advance(ANSWER_SECONDS)
        ends = await asyncio.gather(*asking, return_exceptions=True)
        assert [end.reason for end in ends] == [Reason.AUTHORITY_UNREACHABLE] * 5
        network.released.set()
