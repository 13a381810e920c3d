"""Opaque tokens: one question each, and the same checks as for JWTs (R-42, RFC 7662)."""

import asyncio

import msgspec
import pytest

from support.background import a_while
from support.requirement import requirement
from tokenry.resource import Reason, Response, TokenRefused
from tokenry.resource.introspection import INACTIVE_SECONDS, MAX_QUESTIONS

AUDIENCE = "https://orders.test"


def questions(issuer) -> int:
    return sum(url.endswith("/introspect") for _, url in issuer.network.requests)


async def refused(issuer, verifier, token) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(issuer.request(token))
    return caught.value


@requirement("R-42")
async def test_a_token_is_asked_about_once_whoever_presents_it(issuer, verifier):
    request = issuer.request(issuer.mint_opaque(audience=AUDIENCE, subject="alice"))
    tokens = await asyncio.gather(*(verifier.verify(request) for _ in range(30)))
    await verifier.verify(request)
    assert {token.subject for token in tokens} == {"alice"}
    assert questions(issuer) == 1


@requirement("R-42", "G-8")
async def test_an_inactive_token_is_not_asked_about_again_for_a_while(issuer, verifier):
    token = "tkr_" + "x" * 43
    for _ in range(5):
        assert (await refused(issuer, verifier, token)).reason is Reason.INACTIVE
    assert questions(issuer) == 1
    issuer.advance(INACTIVE_SECONDS)
    await issuer.delivered()
    await refused(issuer, verifier, token)
    assert questions(issuer) == 2


@requirement("RFC 7662 §2.2", "R-02")
async def test_a_token_for_another_service_is_inactive_here(issuer, verifier):
    issuer.credentials("https://pay.test")
    token = issuer.mint_opaque(audience="https://pay.test")
    assert (await refused(issuer, verifier, token)).reason is Reason.INACTIVE


@requirement("G-7", "R-42")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"aud": "https://pay.test"}, Reason.AUDIENCE),
        ({"iss": "https://thief.test"}, Reason.ISSUER),
        ({"rsn": None}, Reason.CLAIMS),
        ({"exp": 1 << 40}, Reason.LIFETIME),
        ({"cnf": {"jkt": "x"}}, Reason.BINDING),
    ],
)
async def test_what_the_issuer_answers_passes_the_same_checks(change, reason, issuer, verifier):
    token = "tkr_" + "y" * 43
    claims = issuer.claims(audience=AUDIENCE) | change
    issuer.endpoints._introspection = lambda form, profile: {"active": True, **claims}
    assert (await refused(issuer, verifier, token)).reason is reason


@requirement("G-7", "R-41")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Response(500, {}, b""), Reason.AUTHORITY_UNREACHABLE),
        (Response(401, {}, b"{}"), Reason.AUTHORITY_UNREACHABLE),
        (Response(200, {}, b"<html>"), Reason.AUTHORITY_UNREACHABLE),
        (Response(200, {}, b'{"active":true,"active":false}'), Reason.AUTHORITY_UNREACHABLE),
        (Response(200, {}, b'{"active":"true"}'), Reason.INACTIVE),
        (Response(200, {}, b"{}"), Reason.INACTIVE),
        (Response(200, {}, b'{"active":true}'), Reason.CLAIMS),
    ],
)
async def test_no_other_answer_lets_a_token_in(answer, reason, issuer, verifier):
    real = issuer.network._answer
    issuer.network._answer = lambda method, url, headers, body: (
        answer if url.endswith("/introspect") else real(method, url, headers, body)
    )
    token = issuer.mint_opaque(audience=AUDIENCE)
    assert (await refused(issuer, verifier, token)).reason is reason


@requirement("R-42", "R-43")
async def test_a_token_seen_before_is_served_while_the_issuer_cannot_be_asked(issuer, verifier):
    known = issuer.mint_opaque(audience=AUDIENCE)
    await verifier.verify(issuer.request(known))
    issuer.network.offline = True
    await verifier.verify(issuer.request(known))
    new = issuer.mint_opaque(audience=AUDIENCE)
    assert (await refused(issuer, verifier, new)).reason is Reason.AUTHORITY_UNREACHABLE


@requirement("G-8")
async def test_too_many_questions_at_once_are_refused_at_once(issuer, verifier):
    tokens = [issuer.mint_opaque(audience=AUDIENCE) for _ in range(MAX_QUESTIONS + 5)]
    outcomes = await asyncio.gather(
        *(verifier.verify(issuer.request(token)) for token in tokens), return_exceptions=True
    )
    reasons = [o.reason for o in outcomes if isinstance(o, TokenRefused)]
    assert reasons == [Reason.OVERLOADED] * 5


@requirement("G-8")
async def test_whoever_goes_away_leaves_the_others_their_answer(issuer, verifier):
    request = issuer.request(issuer.mint_opaque(audience=AUDIENCE))
    impatient = asyncio.ensure_future(verifier.verify(request))
    patient = asyncio.ensure_future(verifier.verify(request))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).audience == AUDIENCE
    assert questions(issuer) == 1


@requirement("G-8")
async def test_close_ends_the_questions_under_way(issuer):
    verifier = issuer.verifier(AUDIENCE)
    await verifier.start()
    never = asyncio.Event()
    issuer.network.post = lambda *_, **__: never.wait()
    asking = asyncio.ensure_future(verifier.verify(issuer.request("tkr_" + "z" * 43)))
    await a_while()
    await verifier.close()
    with pytest.raises(TokenRefused) as caught:
        await asking
    assert caught.value.status == 503


@requirement("R-42")
async def test_no_question_before_the_first_synchronization(issuer):
    real = issuer.network._answer
    issuer.network._answer = lambda method, url, headers, body: (
        Response(503, {}, b"") if "snapshot" in url else real(method, url, headers, body)
    )
    async with issuer.verifier(AUDIENCE, first_sync=0) as verifier:
        token = issuer.mint_opaque(audience=AUDIENCE)
        assert (await refused(issuer, verifier, token)).reason is Reason.UNSYNCHRONIZED
    assert questions(issuer) == 0


@requirement("R-04", "R-42")
async def test_a_changed_profile_asks_nothing_again(issuer, verifier):
    request = issuer.request(issuer.mint_opaque(audience=AUDIENCE))
    await verifier.verify(request)
    issuer.resource_server(AUDIENCE, low_risk_scopes={"x"})
    issuer.revoke("jti", "x")
    await issuer.delivered()
    await verifier.verify(request)
    assert questions(issuer) == 1
    assert msgspec.json.decode((await verifier.verify(request)).payload)["active"] is True
