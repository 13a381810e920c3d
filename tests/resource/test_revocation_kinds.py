"""A verifier checks every kind of id that a token has, never only the first (G-1, R-30)."""

import msgspec
import pytest

from support.background import a_while, soon
from support.requirement import requirement
from tokenry.resource import Reason, TokenRefused
from tokenry.resource.claims import read_claims
from tokenry.resource.token_selectors import MAX_CLIENTS, TokenSelectors
from tokenry.vocabulary.identifiers import Audience, IssuerUrl
from tokenry.vocabulary.selectors import SelectorKind, selector

AUDIENCE = "https://orders.test"
ISSUER = "https://issuer.test"
IDS = {
    "jti": "the-token",
    "grant": "the-grant",
    "session": "the-session",
    "subject": "the-subject",
    "device": "the-device",
    "client": "the-client",
    "audience": AUDIENCE,
    "issuer": ISSUER,
}
MEMBERS = {
    "token_id": "the-token",
    "grant": "the-grant",
    "session": "the-session",
    "subject": "the-subject",
    "device": "the-device",
    "client_id": "the-client",
}


async def is_accepted(issuer, verifier, token):
    try:
        await verifier.verify(issuer.request(token))
    except TokenRefused as refused:
        if refused.reason is Reason.REVOKED:
            return False
        raise
    return True


def fetches_of_keys(issuer):
    return issuer.network.requests.count(("GET", f"{ISSUER}/jwks"))


@requirement("G-1", "R-30", "R-31", "R-33", "R-42")
@pytest.mark.parametrize("seen_before", [True, False])
@pytest.mark.parametrize("form", ["mint", "mint_opaque"])
@pytest.mark.parametrize("kind", IDS)
async def test_one_record_of_any_kind_kills_what_was_born_before_it(
    kind, form, seen_before, issuer, verifier
):
    mint = getattr(issuer, form)
    # An opaque token that was never asked about would be known to the issuer as inactive.
    before = mint(audience=AUDIENCE, **MEMBERS)
    if seen_before or form == "mint_opaque":
        assert await is_accepted(issuer, verifier, before)
    issuer.revoke(kind, IDS[kind])
    await issuer.delivered()
    after = mint(audience=AUDIENCE, **MEMBERS)
    assert not await is_accepted(issuer, verifier, before)
    assert await is_accepted(issuer, verifier, after)
    # A second record, on the same id, kills what the first did not.
    issuer.revoke(kind, IDS[kind])
    await issuer.delivered()
    assert not await is_accepted(issuer, verifier, after)


@requirement("G-1")
@pytest.mark.parametrize("kind", IDS)
async def test_a_record_of_another_id_of_that_kind_kills_nothing(kind, issuer, verifier):
    token = issuer.mint(audience=AUDIENCE, **MEMBERS)
    issuer.revoke(kind, IDS[kind] + "-of-somebody-else")
    # The same id under another kind is another selector.
    others = [other for other in IDS if IDS[other] != IDS[kind]]
    for other in others:
        issuer.revoke(other, IDS[kind])
    await issuer.delivered()
    assert await is_accepted(issuer, verifier, token)


@requirement("G-1", "R-35")
async def test_a_token_made_of_tokens_carries_the_lowest_number_of_them(issuer, verifier):
    parent_rsn = issuer.head
    issuer.revoke("session", "the-session")
    await issuer.delivered()
    child = issuer.mint(audience=AUDIENCE, session="the-session", rsn=parent_rsn)
    assert not await is_accepted(issuer, verifier, child)


@requirement("G-1", "R-13")
@pytest.mark.parametrize("member", ["jkt", "x5t#S256"])
def test_the_key_that_a_token_is_bound_to_is_one_of_its_ids(member, issuer):
    # Bound tokens are refused at binding, before revocation; their selectors are made all the same.
    claims = read_claims(
        msgspec.json.encode(
            issuer.claims(audience=AUDIENCE, confirmation={member: "x" * 43}, **MEMBERS)
        )
    )
    made = TokenSelectors(IssuerUrl(ISSUER), Audience(AUDIENCE)).of(claims)
    expected = {selector(ISSUER, SelectorKind(kind), value) for kind, value in IDS.items()}
    assert made == expected | {selector(ISSUER, SelectorKind.CONFIRMATION, "x" * 43)}


def selectors_of(issuer, make, **members):
    claims = issuer.claims(audience=AUDIENCE, **{**MEMBERS, **members})
    return make.of(read_claims(msgspec.json.encode(claims)))


@requirement("G-1")
@pytest.mark.parametrize("value", ["x", "shop", "a b", "ü", "x" * 500])
def test_the_fast_way_to_a_selector_leads_to_the_same_one(value, issuer):
    make = TokenSelectors(IssuerUrl(ISSUER), Audience(AUDIENCE))
    made = selectors_of(issuer, make, **dict.fromkeys(MEMBERS, value))
    own = {SelectorKind(kind) for kind in IDS} - {SelectorKind.AUDIENCE, SelectorKind.ISSUER}
    assert {selector(ISSUER, kind, value) for kind in own} < made
    assert len(made) == len(IDS)


@requirement("G-8")
def test_selectors_stay_the_same_when_the_clients_that_were_kept_are_forgotten(issuer):
    make = TokenSelectors(IssuerUrl(ISSUER), Audience(AUDIENCE))
    first = selectors_of(issuer, make, client_id="first")
    for number in range(MAX_CLIENTS + 1):
        make._of_client(str(number))
    assert len(make._clients) <= MAX_CLIENTS
    assert selectors_of(issuer, make, client_id="first") == first


@requirement("G-1", "G-5", "R-05")
@pytest.mark.parametrize("seen_before", [True, False])
async def test_a_key_record_drops_a_key_for_good_whatever_rsn_its_tokens_have(
    seen_before, issuer, verifier
):
    stolen = issuer.token_keys[-1]
    kept = issuer.mint(audience=AUDIENCE)
    forged = issuer.sign(issuer.claims(audience=AUDIENCE, more={"rsn": issuer.head + 1000}))
    if seen_before:
        assert await is_accepted(issuer, verifier, kept)
        assert await is_accepted(issuer, verifier, forged)
    issuer.rotate_key()
    issuer.revoke("key", stolen.public.thumbprint)
    await issuer.delivered()
    for token in (kept, forged):
        with pytest.raises(TokenRefused) as refused:
            await verifier.verify(issuer.request(token))
        assert refused.value.reason is Reason.UNKNOWN_KEY
    # The replacement was fetched at once, though an unknown kid was asked for just now.
    assert await is_accepted(issuer, verifier, issuer.mint(audience=AUDIENCE))
    # Published again, by mistake or by the thief: never trusted again.
    issuer.token_keys.insert(0, stolen)
    fetches = fetches_of_keys(issuer)
    issuer.advance(400)
    await issuer.delivered()
    await soon(lambda: fetches_of_keys(issuer) > fetches)
    await a_while()
    with pytest.raises(TokenRefused):
        await verifier.verify(issuer.request(kept))
