"""The form for threads: the same checks, and no loop in sight (R-44)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.requirement import requirement
from tokenry.resource import Reason, Tier, TokenRefused

AUDIENCE = "https://orders.test"


@pytest.fixture
def verifier(issuer):
    with issuer.sync_verifier(AUDIENCE) as verifier:
        yield verifier
    assert not [thread for thread in threading.enumerate() if thread.name == "tokenry"]


def reason(issuer, verifier, token, *required):
    try:
        verifier.verify(issuer.request(token), required_scopes=required)
    except TokenRefused as refused:
        return refused.reason
    return None


@requirement("R-44", "R-40")
@pytest.mark.parametrize("form", ["mint", "mint_opaque"])
def test_any_thread_may_ask_and_all_get_the_same_answer(form, issuer, verifier):
    token = getattr(issuer, form)(audience=AUDIENCE, subject="alice", scope="orders.read")
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(reason, issuer, verifier, token, "orders.read") for _ in range(64)]
        assert {each.result() for each in asked} == {None}
        issuer.revoke("subject", "alice")
        verifier.applied(issuer.head)
        asked = [threads.submit(reason, issuer, verifier, token, "orders.read") for _ in range(64)]
        assert {each.result() for each in asked} == {Reason.REVOKED}


@requirement("R-40")
def test_what_is_refused_to_one_form_is_refused_to_the_other(issuer, verifier):
    token = issuer.mint(audience=AUDIENCE, scope="orders.read")
    assert reason(issuer, verifier, token, "orders.write") is Reason.SCOPE
    assert reason(issuer, verifier, token[:-8] + "AAAAAAAA") in {Reason.SIGNATURE, Reason.MALFORMED}
    assert reason(issuer, verifier, issuer.mint(audience="https://pay.test")) is Reason.AUDIENCE
    held = verifier.verify(issuer.request(token))
    with pytest.raises(TokenRefused) as refused:
        verifier.require(held, {"orders.write"})
    assert refused.value.status == 403


@requirement("R-43")
def test_tiers_apply_in_any_thread(issuer, verifier):
    token = issuer.mint(audience=AUDIENCE, scope="orders.read")
    assert reason(issuer, verifier, token) is None
    issuer.network.offline = True
    issuer.advance(20)
    assert verifier.tier is Tier.REDUCED
    assert reason(issuer, verifier, token) is Reason.STALE


@requirement("R-44")
def test_it_starts_with_the_first_request_and_after_close_when_told_to(issuer):
    verifier = issuer.sync_verifier(AUDIENCE)
    token = issuer.mint(audience=AUDIENCE)
    assert verifier.head is None
    assert reason(issuer, verifier, token) is None
    verifier.close()
    assert reason(issuer, verifier, token) is Reason.UNSYNCHRONIZED
    verifier.start()
    assert reason(issuer, verifier, token) is None
    verifier.close()


@requirement("G-1")
def test_threads_that_ask_while_news_comes_in_never_see_a_revoked_token_again(issuer, verifier):
    tokens = [issuer.mint(audience=AUDIENCE, token_id=f"token-{n}") for n in range(50)]
    for token in tokens:
        assert reason(issuer, verifier, token) is None
    stop = threading.Event()
    wrong = []

    def keep_asking():
        gone = set()
        while not stop.is_set():
            for number, token in enumerate(tokens):
                if reason(issuer, verifier, token) is Reason.REVOKED:
                    gone.add(number)
                elif number in gone:
                    wrong.append(number)

    askers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for asker in askers:
        asker.start()
    for number in range(50):
        issuer.revoke("jti", f"token-{number}")
    verifier.applied(issuer.head)
    outcomes = {reason(issuer, verifier, token) for token in tokens}
    stop.set()
    for asker in askers:
        asker.join()
    assert outcomes == {Reason.REVOKED}
    assert wrong == []
