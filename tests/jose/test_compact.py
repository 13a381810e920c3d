"""Round trips, and that no bit of a token can be changed."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose import (
    Algorithm,
    HeaderCache,
    JwsRefused,
    KeySet,
    PrivateKey,
    RefusalReason,
    attach,
    header_segment,
    parse_compact,
    sign_compact,
    signing_input,
    verify_compact,
)

ES256 = PrivateKey.generate(Algorithm.ES256)
ED25519 = PrivateKey.generate(Algorithm.ED25519)
BOTH = KeySet.of([ES256.public, ED25519.public])


def test_what_is_signed_verifies_under_every_algorithm(key):
    token = sign_compact(b'{"iss":"x"}', key=key, typ="at+jwt")
    verified = verify_compact(token, expected_type="at+jwt", find_key=KeySet.of([key.public]).find)
    assert (verified.payload, verified.key) == (b'{"iss":"x"}', key.public)
    assert (verified.header.alg, verified.header.kid) == (key.public.algorithm, key.public.kid)


@given(st.binary(max_size=100), st.sampled_from([ES256, ED25519]), st.booleans())
def test_any_payload_comes_back_as_it_was(payload, key, as_bytes):
    header = header_segment(key.public.algorithm, key.public.kid, "test+jws")
    signed = signing_input(header, payload)
    token = attach(signed, key.sign(signed))
    verified = verify_compact(
        token.encode() if as_bytes else token, expected_type="test+jws", find_key=BOTH.find
    )
    assert verified.payload == payload


@given(st.binary(max_size=30))
def test_a_compact_jws_is_what_rfc_7515_says(payload):
    token = sign_compact(payload, key=ES256, typ="test+jws")
    header, body, signature = token.split(".")
    assert base64.urlsafe_b64decode(body + "==") == payload
    assert header == header_segment(Algorithm.ES256, ES256.public.kid, "test+jws").decode()
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64


def test_the_key_can_be_looked_up_between_parsing_and_proving():
    unverified = parse_compact(sign_compact(b"{}", key=ES256, typ="at+jwt"))
    unverified.require_type("at+jwt")
    key = BOTH.find(unverified.header.kid)
    assert unverified.verify_with(key, expected_type="at+jwt").payload == b"{}"
    with pytest.raises(JwsRefused) as refused:
        unverified.verify_with(key, expected_type="dpop+jwt")
    assert refused.value.reason is RefusalReason.UNEXPECTED_TYPE
    with pytest.raises(JwsRefused):
        unverified.verify_with(ED25519.public, expected_type="at+jwt")
    with pytest.raises(JwsRefused):
        unverified.verify_with(PrivateKey.generate(Algorithm.ES256).public, expected_type="at+jwt")


@requirement("G-7")
def test_the_keys_are_not_asked_about_a_token_of_another_type():
    token = sign_compact(b"{}", key=ES256, typ="dpop+jwt")
    with pytest.raises(JwsRefused) as refused:
        verify_compact(token, expected_type="at+jwt", find_key=lambda kid: pytest.fail("asked"))
    assert refused.value.reason is RefusalReason.UNEXPECTED_TYPE


@pytest.mark.parametrize("key", [ES256, ED25519], ids=["ES256", "Ed25519"])
def test_no_single_bit_of_a_token_can_be_flipped(key):
    token = sign_compact(b'{"a":1}', key=key, typ="at+jwt").encode()
    cache = HeaderCache()
    verify_compact(token, expected_type="at+jwt", find_key=BOTH.find, headers=cache)
    for position in range(len(token)):
        for bit in range(8):
            flipped = bytearray(token)
            flipped[position] ^= 1 << bit
            with pytest.raises(JwsRefused):
                verify_compact(
                    bytes(flipped), expected_type="at+jwt", find_key=BOTH.find, headers=cache
                )


def test_no_single_bit_of_a_signature_can_be_flipped(key):
    content = b"content"
    signature = key.sign(content)
    assert key.public.verify(signature, content)
    for position in range(0, len(signature), max(1, len(signature) // 64)):
        flipped = bytearray(signature)
        flipped[position] ^= 1 << position % 8
        assert not key.public.verify(bytes(flipped), content)
    for other in (b"", signature[:-1], signature + b"\0", b"\0" + signature):
        assert not key.public.verify(other, content)


PIECES = st.sampled_from(["eyJhbGciOiJFUzI1NiJ9", ".", "e30", "AA", "=", "\n"])


@settings(max_examples=300)
@given(st.binary(max_size=80) | st.text(max_size=80) | st.lists(PIECES, max_size=9).map("".join))
def test_arbitrary_input_is_only_ever_refused(token):
    with pytest.raises(JwsRefused):
        verify_compact(token, expected_type="at+jwt", find_key=lambda kid: ES256.public)


@given(st.data())
def test_a_token_spliced_from_others_is_refused_unless_it_is_one_of_them(data):
    tokens = [
        sign_compact(payload, key=key, typ=typ)
        for payload in (b"{}", b'{"a":1}')
        for key in (ES256, ED25519)
        for typ in ("at+jwt", "dpop+jwt")
    ]
    segments = [token.split(".") for token in tokens]
    spliced = ".".join(data.draw(st.sampled_from(segments))[place] for place in range(3))
    try:
        verify_compact(spliced, expected_type="at+jwt", find_key=BOTH.find)
    except JwsRefused:
        return
    assert spliced in tokens
