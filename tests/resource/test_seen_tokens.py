"""What is remembered of tokens, and how their claims are read (G-7, G-8)."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.resource.claims import read_claims
from tokenry.resource.refusal import Reason, Refusal
from tokenry.resource.seen import SeenTokens
from tokenry.resource.testing import TestingIssuer

AUDIENCE = "https://orders.test"
ISSUER = TestingIssuer()


@requirement("G-8")
@given(capacity=st.integers(1, 20), asked=st.lists(st.integers(0, 40), max_size=200))
def test_memory_is_bounded_and_what_was_asked_for_lately_is_in_it(capacity, asked):
    seen = SeenTokens(capacity)
    for number in asked:
        token = b"%d" % number
        if seen.find(token) is None:
            seen.put(token, number)
        assert seen.find(token) == number
        assert len(seen) <= max(2, capacity)
    lately = list(dict.fromkeys(reversed(asked)))[: capacity // 2]
    assert all(seen.find(b"%d" % number) == number for number in lately)


def pairs(object_pairs):
    if max(Counter(name for name, _ in object_pairs).values(), default=0) > 1:
        raise ValueError("a member twice")
    return dict(object_pairs)


def reads_alike(text: str) -> bool:
    """Say whether no member is there twice, by a reader that looks at each."""
    try:
        json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        return False
    return True


NAMES = st.sampled_from(["x", "exp", "\\u0065xp", "sub", "a\\\\", 'q\\"', ""])
VALUES = st.sampled_from(["1", '"s"', "[]", "{}", '{"y":1,"y":2}', '{"y":{"z":1,"z":1}}', "1e5"])
SPACE = st.sampled_from(["", " ", "\n\t"])


@requirement("G-7", "RFC 7519 §4")
@given(more=st.lists(st.tuples(NAMES, VALUES, SPACE), max_size=4), front=st.booleans())
def test_claims_are_read_only_if_every_reader_would_read_the_same(more, front):
    claims = json.dumps(ISSUER.claims(audience=AUDIENCE), separators=(",", ":"))
    added = ",".join(f'{space}"{name}":{space}{value}' for name, value, space in more)
    parts = [part for part in (added, claims[1:-1]) if part]
    text = "{" + ",".join(parts if front else reversed(parts)) + "}"
    if reads_alike(text):
        assert read_claims(text.encode()).iss == ISSUER.url
    else:
        with pytest.raises(Refusal) as refused:
            read_claims(text.encode())
        assert refused.value.reason is Reason.CLAIMS


@requirement("G-7")
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_claims_or_a_refusal(payload):
    with pytest.raises(Refusal):
        read_claims(payload)


@requirement("RFC 9068 §2.2", "R-01")
async def test_a_verified_token_says_what_it_says(issuer, verifier):
    members = {
        "subject": "alice", "client_id": "shop", "session": "s1", "device": "d1", "grant": "g1",
        "token_id": "t1", "scope": "orders.read orders.write",
    }  # fmt: skip
    token = await verifier.verify(
        issuer.request(issuer.mint(audience=AUDIENCE, more={"tenant": "acme"}, **members))
    )
    assert (token.subject, token.client_id, token.session, token.device) == (
        "alice", "shop", "s1", "d1",
    )  # fmt: skip
    assert (token.grant, token.token_id, token.issuer) == ("g1", "t1", issuer.url)
    assert (token.audience, token.rsn) == (AUDIENCE, issuer.head)
    assert token.expires_at - token.issued_at == 300_000
    assert token.claims()["tenant"] == "acme"
    plain = await verifier.verify(issuer.request(issuer.mint(audience=AUDIENCE)))
    assert (plain.session, plain.device, plain.scopes) == (None, None, frozenset())
