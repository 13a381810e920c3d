"""The form for threads, closed under its callers or left waiting (G-7, R-44)."""

import asyncio
import threading

import pytest

from support.requirement import requirement
from tokenry.resource import Reason, Tier, TokenRefused, sync

AUDIENCE = "https://orders.test"


class Held:
    """A fetcher that keeps introspection waiting for ever; `asked` says that one waits."""

    def __init__(self, network):
        self._network = network
        self.asked = threading.Event()

    def __getattr__(self, name):
        return getattr(self._network, name)

    async def post(self, url, **options):
        if url.endswith("/introspect"):
            self.asked.set()
            await asyncio.Event().wait()
        return await self._network.post(url, **options)


@pytest.fixture
def held(issuer):
    return Held(issuer.network)


@pytest.fixture
def verifier(issuer, held):
    verifier = issuer.sync_verifier(AUDIENCE, fetcher=held)
    verifier.start()
    yield verifier
    verifier.close()


def reason_in_thread(issuer, verifier):
    """Start a request that waits; returns its thread, and the list its refusal gets into."""
    request, found = issuer.request(issuer.mint_opaque(audience=AUDIENCE)), []

    def ask():
        try:
            verifier.verify(request)
        except BaseException as fault:  # noqa: BLE001  (none but TokenRefused may come)
            found.append(fault)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread, found


@requirement("G-7", "R-44")
def test_close_refuses_who_is_waiting(issuer, verifier, held):
    thread, found = reason_in_thread(issuer, verifier)
    assert held.asked.wait(20)
    verifier.close()
    thread.join(20)
    assert [type(fault) for fault in found] == [TokenRefused]
    assert found[0].status == 503


@requirement("G-7", "R-44")
def test_an_answer_that_does_not_come_is_a_refusal(issuer, verifier, monkeypatch):
    monkeypatch.setattr(sync, "LONGEST_WAIT", 0.0)
    with pytest.raises(TokenRefused) as refused:
        verifier.verify(issuer.request(issuer.mint_opaque(audience=AUDIENCE)))
    assert refused.value.reason is Reason.OVERLOADED
    monkeypatch.undo()


@requirement("G-7", "R-44")
def test_after_close_requests_are_refused_without_a_thread_until_start(issuer, verifier):
    request = issuer.request(issuer.mint(audience=AUDIENCE))
    assert verifier.verify(request).tier is Tier.FRESH
    verifier.close()
    before = threading.active_count()
    with pytest.raises(TokenRefused) as refused:
        verifier.verify(request)
    assert refused.value.reason is Reason.UNSYNCHRONIZED
    assert threading.active_count() == before
    with pytest.raises(TimeoutError):
        verifier.applied(issuer.head)
    verifier.start()
    assert verifier.verify(request).tier is Tier.FRESH


@requirement("G-7")
def test_one_that_was_closed_before_it_began_is_closed(issuer):
    verifier = issuer.sync_verifier(AUDIENCE)
    verifier.close()
    with pytest.raises(TokenRefused) as refused:
        verifier.verify(issuer.request(issuer.mint(audience=AUDIENCE)))
    assert refused.value.reason is Reason.UNSYNCHRONIZED
