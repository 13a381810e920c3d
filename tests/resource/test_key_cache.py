"""Keys without waiting, without stampedes, and without a way back for a stolen one (G-5)."""

import asyncio
import json

import pytest

from support.background import a_while, soon
from support.requirement import requirement
from tokenry.jose import Algorithm, KeySet, PrivateKey
from tokenry.resource import Reason, Response, TokenRefused
from tokenry.resource.http_client import FetchFailed
from tokenry.resource.issuer_client import PublishedKeys
from tokenry.resource.key_cache import UNKNOWN_KEY_INTERVAL, KeyCache
from tokenry.resource.testing import ManualClock
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.selectors import SelectorKind, selector

ISSUER = IssuerUrl("https://issuer.test")
AUDIENCE = "https://orders.test"


class Published:
    """What the issuer publishes, and how often it was asked."""

    def __init__(self):
        self.keys = [PrivateKey.generate(Algorithm.ES256)]
        self.fetches = 0
        self.broken = False
        self.max_age = 300

    async def __call__(self):
        self.fetches += 1
        await asyncio.sleep(0)
        if self.broken:
            raise FetchFailed("the network is down")
        document = KeySet.of(key.public for key in self.keys).to_jwks()
        return PublishedKeys(json.dumps(document).encode(), self.max_age)


@pytest.fixture
def published():
    return Published()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def cache(published, clock):
    return KeyCache(published, issuer=ISSUER, clock=clock)


@requirement("G-5")
async def test_many_who_ask_at_once_cause_one_fetch(cache, published):
    kid = published.keys[0].public.kid
    found = await asyncio.gather(*(cache.obtain(kid) for _ in range(50)))
    assert {key.thumbprint for key in found} == {kid}
    assert published.fetches == 1


@requirement("G-5", "G-8")
async def test_unknown_kids_cause_one_fetch_an_interval(cache, published, clock):
    assert await asyncio.gather(*(cache.obtain(f"garbage-{n}") for n in range(50))) == [None] * 50
    assert published.fetches == 1
    clock.advance(UNKNOWN_KEY_INTERVAL - 0.001)
    assert await cache.obtain("garbage") is None
    assert published.fetches == 1
    clock.advance(0.001)
    published.keys.append(PrivateKey.generate(Algorithm.ES256))
    kid = published.keys[1].public.kid
    assert (await cache.obtain(kid)).thumbprint == kid
    assert published.fetches == 2


@requirement("G-5", "G-8")
async def test_the_keys_at_hand_stay_when_the_issuer_cannot_be_asked(cache, published, clock):
    kid = published.keys[0].public.kid
    assert await cache.refresh()
    published.broken = True
    clock.advance(1000)
    assert not await cache.refresh()
    assert cache.find(kid) is not None
    assert (await cache.obtain(kid)).thumbprint == kid
    with pytest.raises(FetchFailed):  # nobody can tell whether there is such a key
        await cache.obtain("unknown")


@requirement("G-5")
async def test_failures_are_repeated_no_faster_than_each_second(cache, published, clock):
    published.broken = True
    for _ in range(10):
        with pytest.raises(FetchFailed):
            await cache.obtain("any")
    assert published.fetches == 1
    clock.advance(1)
    published.broken = False
    assert await cache.obtain(published.keys[0].public.kid) is not None


@requirement("G-5")
async def test_a_key_that_is_no_longer_published_is_no_longer_used(cache, published):
    await cache.refresh()
    old = published.keys.pop().public.kid
    published.keys.append(PrivateKey.generate(Algorithm.ES256))
    await cache.refresh()
    assert cache.find(old) is None


@requirement("G-1", "G-5")
async def test_a_dropped_key_never_comes_back_and_lets_unknown_kids_be_asked_for(
    cache, published, clock
):
    stolen = published.keys[0].public.kid
    await cache.refresh()
    cache.drop(selector(ISSUER, SelectorKind.KEY, stolen))
    assert cache.find(stolen) is None
    published.keys.append(PrivateKey.generate(Algorithm.ES256))
    assert await cache.obtain(published.keys[1].public.kid) is not None
    assert await cache.obtain(stolen) is None
    assert published.fetches == 2
    # The same record again, as with every frame that follows, forces nothing more.
    cache.drop(selector(ISSUER, SelectorKind.KEY, stolen))
    assert await cache.obtain("garbage") is None
    assert published.fetches == 2


@requirement("G-5")
@pytest.mark.parametrize(("max_age", "kept"), [(None, 300), (0, 30), (120, 120), (10**9, 3600)])
async def test_keys_are_kept_as_long_as_published_within_bounds(
    max_age, kept, cache, published, clock
):
    published.max_age = max_age
    await cache.refresh()
    assert cache.seconds_until_due == kept
    clock.advance(kept + 1)
    assert cache.seconds_until_due == 0


@requirement("RFC 7517 §4", "G-7")
async def test_a_key_without_alg_or_with_private_parts_is_left_out(clock):
    good, unpinned, leaked = (PrivateKey.generate(Algorithm.ES256).public.to_jwk() for _ in "abc")
    del unpinned["alg"]
    leaked["d"] = "AAAA"

    async def fetch():
        return PublishedKeys(json.dumps({"keys": [good, unpinned, leaked]}).encode(), None)

    cache = KeyCache(fetch, issuer=ISSUER, clock=clock)
    await cache.refresh()
    assert cache.thumbprints == (good["kid"],)


@requirement("G-5")
async def test_a_garbage_key_set_leaves_the_keys_at_hand(cache, published, clock):
    await cache.refresh()

    async def garbage():
        return PublishedKeys(b"<html>", None)

    cache._fetch = garbage
    assert not await cache.refresh()
    assert cache.find(published.keys[0].public.kid) is not None


@requirement("G-5")
async def test_a_token_of_a_key_just_announced_is_verified_after_one_fetch(issuer, verifier):
    issuer.advance(11)
    issuer.rotate_key()
    before = len(issuer.network.requests)
    requests = [issuer.request(issuer.mint(audience=AUDIENCE)) for _ in range(20)]
    await asyncio.gather(*(verifier.verify(request) for request in requests))
    fetched = [url for _, url in issuer.network.requests[before:] if url.endswith("/jwks")]
    assert fetched == [f"{issuer.url}/jwks"]


@requirement("G-5")
async def test_scheduled_refetches_notice_a_retired_key(issuer, verifier):
    new = issuer.history.profiles + 1
    issuer.resource_server(AUDIENCE, max_token_lifetime=1200)
    await soon(lambda: verifier._knowledge.profile.profile == new)
    token = issuer.request(issuer.mint(audience=AUDIENCE, lifetime=1200))
    await verifier.verify(token)
    issuer.token_keys[:] = [PrivateKey.generate(Algorithm.ES256)]
    issuer.advance(301)  # longer than the key set says that it may be kept
    await issuer.delivered()
    await soon(lambda: len([u for _, u in issuer.network.requests if u.endswith("t/jwks")]) > 1)
    await a_while()
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(token)
    assert refused.value.reason is Reason.UNKNOWN_KEY


@requirement("R-43")
async def test_keys_that_cannot_be_had_are_503_and_not_the_tokens_fault(issuer):
    issuer.endpoints._token_keys = []
    real = issuer.network._answer
    issuer.network._answer = lambda method, url, headers, body: (
        Response(500, {}, b"") if url.endswith("t/jwks") else real(method, url, headers, body)
    )
    async with issuer.verifier(AUDIENCE) as verifier:
        with pytest.raises(TokenRefused) as refused:
            await verifier.verify(issuer.request(issuer.mint(audience=AUDIENCE)))
    assert refused.value.reason is Reason.AUTHORITY_UNREACHABLE
    assert refused.value.status == 503


@requirement("R-05")
@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ED25519, Algorithm.RS256])
async def test_every_algorithm_of_the_issuer_is_verified(algorithm, issuer, verifier):
    issuer.advance(11)
    await issuer.delivered()
    issuer.rotate_key(algorithm)
    await verifier.verify(issuer.request(issuer.mint(audience=AUDIENCE)))
