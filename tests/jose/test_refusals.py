"""Every way of presenting a bad token, and the one reason it is refused for."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from support.requirement import requirement
from tokenry.jose import (
    Algorithm,
    HeaderCache,
    JwsRefused,
    KeySet,
    PrivateKey,
    RefusalReason,
    sign_compact,
    verify_compact,
)

KEY = PrivateKey.generate(Algorithm.ES256)
KID = KEY.public.kid
KEYS = KeySet.of([KEY.public])
PAYLOAD = b'{"iss":"https://as.example","sub":"robot"}'
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header, *, payload=PAYLOAD, key=KEY, signature=None):
    """Sign under a header given as members or as literal JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = f"{b64(text)}.{b64(payload)}"
    if signature is None:
        signature = key.sign(content.encode())
    return f"{content}.{b64(signature)}"


GOOD = {"alg": "ES256", "kid": KID, "typ": "at+jwt"}
TOKEN = signed(GOOD)
HEADER, BODY, SIGNATURE = TOKEN.split(".")
RAW = base64.urlsafe_b64decode(SIGNATURE + "==")
R, S = int.from_bytes(RAW[:32], "big"), int.from_bytes(RAW[32:], "big")


def raw(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def hs256_with_the_public_key():
    content = f"{b64(json.dumps(GOOD | {'alg': 'HS256'}).encode())}.{b64(PAYLOAD)}"
    secret = json.dumps(KEY.public.to_jwk()).encode()
    return f"{content}.{b64(hmac.digest(secret, content.encode(), hashlib.sha256))}"


def with_unused_bits(segment):
    """Return another spelling of the same bytes: the last character's unused bits set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4 in (2, 3)
    other = segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]
    padding = "=" * (-len(segment) % 4)
    assert base64.urlsafe_b64decode(other + padding) == base64.urlsafe_b64decode(segment + padding)
    return other


ODD_BODY = b64(b'{"a":1}')  # 7 bytes: its last character has unused bits


def header_only(header):
    """Keep body and signature of a good token under another header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return f"{b64(text)}.{BODY}.{SIGNATURE}"


CASES = {
    RefusalReason.UNKNOWN_ALGORITHM: {
        "alg none": signed(GOOD | {"alg": "none"}),
        "alg None": signed(GOOD | {"alg": "nOnE"}),
        "HS256 with the public key as secret": hs256_with_the_public_key(),
        "alg in lower case": signed(GOOD | {"alg": "es256"}),
        "alg with a space": signed(GOOD | {"alg": "ES256 "}),
        "alg empty": signed(GOOD | {"alg": ""}),
        "alg ES512": signed(GOOD | {"alg": "ES512"}),
        "alg ES256K": signed(GOOD | {"alg": "ES256K"}),
        "alg RSA-OAEP": signed(GOOD | {"alg": "RSA-OAEP"}),
    },
    RefusalReason.ALGORITHM_MISMATCH: {
        "another alg of the table": signed(GOOD | {"alg": "RS256"}),
        "alg ES384 under a P-256 key": signed(GOOD | {"alg": "ES384"}),
        "the old name of another algorithm": signed(GOOD | {"alg": "EdDSA"}),
    },
    RefusalReason.UNEXPECTED_TYPE: {
        "no typ": signed({"alg": "ES256", "kid": KID}),
        "typ of another token": signed(GOOD | {"typ": "dpop+jwt"}),
        "generic typ": signed(GOOD | {"typ": "JWT"}),
        "typ with a suffix": signed(GOOD | {"typ": "at+jwt;x=y"}),
    },
    RefusalReason.UNKNOWN_CRITICAL: {
        "unknown crit": signed(GOOD | {"crit": ["exp"], "exp": 1}),
        "crit of b64": signed(GOOD | {"crit": ["b64"], "b64": False}),
        "empty crit": signed(GOOD | {"crit": []}),
        "crit null": signed(GOOD | {"crit": None}),
    },
    RefusalReason.UNSUPPORTED_HEADER: {
        "b64 false": signed(GOOD | {"b64": False}),
        "b64 true": signed(GOOD | {"b64": True}),
        "zip": signed(GOOD | {"zip": "DEF"}),
        "jku": signed(GOOD | {"jku": "https://attacker.example/jwks"}),
        "x5u": signed(GOOD | {"x5u": "https://attacker.example/chain"}),
    },
    RefusalReason.TOO_LARGE: {
        "huge token": signed(GOOD, payload=b"a" * 16 * 1024),
        "huge header": signed(GOOD | {"x": "a" * 4096}),
    },
    RefusalReason.UNKNOWN_KEY: {
        "another kid": signed(GOOD | {"kid": "another"}),
        "kid in another case": signed(GOOD | {"kid": KID.swapcase()}),
        "kid as a path": signed(GOOD | {"kid": "../../../../dev/null"}),
        "kid as a query": signed(GOOD | {"kid": "' OR '1'='1"}),
        "kid with NUL": signed(GOOD | {"kid": f"{KID}\0"}),
    },
    RefusalReason.BAD_SIGNATURE: {
        "another payload": f"{HEADER}.{b64(b'{}')}.{SIGNATURE}",
        "empty payload": f"{HEADER}..{SIGNATURE}",
        "another key": signed(GOOD, key=PrivateKey.generate(Algorithm.ES256)),
        "header spelled otherwise": header_only(json.dumps(GOOD, indent=1).encode()),
        "r = 0": signed(GOOD, signature=raw(0, S)),
        "s = 0": signed(GOOD, signature=raw(R, 0)),
        "r = s = 0": signed(GOOD, signature=bytes(64)),
        "r = the order": signed(GOOD, signature=raw(ORDER, S)),
        "s = the order": signed(GOOD, signature=raw(R, ORDER)),
        "r above the order": signed(GOOD, signature=raw(2**256 - 1, S)),
        "r and s exchanged": f"{HEADER}.{BODY}.{b64(raw(S, R))}",
        "DER in place of raw": f"{HEADER}.{BODY}.{b64(encode_dss_signature(R, S))}",
        "a byte short": f"{HEADER}.{BODY}.{b64(RAW[:-1])}",
        "a byte long": f"{HEADER}.{BODY}.{b64(RAW + bytes(1))}",
        "both halves a byte longer": signed(GOOD, signature=b"\0" + RAW[:32] + b"\0" + RAW[32:]),
        "a single byte": f"{HEADER}.{BODY}.AA",
    },
    RefusalReason.MALFORMED: {
        "nothing": "",
        "dots": "..",
        "one segment": HEADER,
        "two segments": f"{HEADER}.{BODY}",
        "four segments": f"{TOKEN}.AA",
        "four segments with an empty one": f"{TOKEN}.",
        "five segments, as a JWE has": f"{HEADER}....AA",
        "no header": f".{BODY}.{SIGNATURE}",
        "no signature": f"{HEADER}.{BODY}.",
        "alg none without a signature": signed(GOOD | {"alg": "none"}, signature=b""),
        "JSON serialization": json.dumps({"payload": BODY, "protected": HEADER, "signature": "AA"}),
        "padded header": f"{HEADER}=.{BODY}.{SIGNATURE}",
        "padded payload": f"{HEADER}.{BODY}=.{SIGNATURE}",
        "padded signature": f"{TOKEN}==",
        "space before": f" {TOKEN}",
        "newline after": f"{TOKEN}\n",
        "space within": f"{HEADER}.{BODY[:8]} {BODY[8:]}.{SIGNATURE}",
        "NUL within": f"{HEADER}.{BODY[:8]}\0{BODY[8:]}.{SIGNATURE}",
        "NUL after": f"{TOKEN}\0",
        "standard base64": f"{HEADER}.{BODY}.{SIGNATURE[:-4]}+/Aw",
        "not ASCII": f"{HEADER}.{BODY}.{SIGNATURE[:-1]}é",
        "full-width letters": f"\uff25{TOKEN[1:]}",
        "unused bits set in the payload": f"{HEADER}.{with_unused_bits(ODD_BODY)}.{SIGNATURE}",
        "unused bits set in the signature": f"{HEADER}.{BODY}.{with_unused_bits(SIGNATURE)}",
        "impossible length": f"{HEADER}.{BODY}.{SIGNATURE}AAA",
        "header is no JSON": signed(b"alg=ES256"),
        "header is an array": signed(b'["ES256"]'),
        "header is a string": signed(b'"ES256"'),
        "header in UTF-16": signed(json.dumps(GOOD).encode("utf-16")),
        "header with a byte order mark": signed(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()),
        "header with invalid UTF-8": signed(b'{"alg":"ES256","typ":"at+jwt","kid":"\xff"}'),
        "header too deep": signed(
            b'{"alg":"ES256","typ":"at+jwt","x":' + b"[" * 40 + b"]" * 40 + b"}"
        ),
        "duplicate alg": signed(b'{"alg":"none","alg":"ES256","typ":"at+jwt"}'),
        "duplicate typ": signed(b'{"alg":"ES256","typ":"dpop+jwt","typ":"at+jwt"}'),
        "duplicate kid, one escaped": signed(
            rb'{"alg":"ES256","typ":"at+jwt","kid":"a","\u006bid":"b"}'
        ),
        "duplicate deeper": signed(b'{"alg":"ES256","typ":"at+jwt","jwk":{"x":"a","x":"b"}}'),
        "no alg": signed({"kid": KID, "typ": "at+jwt"}),
        "alg null": signed(GOOD | {"alg": None}),
        "alg a list": signed(GOOD | {"alg": ["ES256"]}),
        "alg in capitals of the name": signed({"ALG": "ES256", "typ": "at+jwt"}),
        "typ null": signed(GOOD | {"typ": None}),
        "typ a list": signed(GOOD | {"typ": ["at+jwt"]}),
        "typ empty": signed(GOOD | {"typ": ""}),
        "typ with a letter that lowers to ASCII": signed(GOOD | {"typ": "\u212a"}),
        "typ without end": signed(GOOD | {"typ": "a" * 256}),
        "kid null": signed(GOOD | {"kid": None}),
        "kid a number": signed(GOOD | {"kid": 1}),
        "kid empty": signed(GOOD | {"kid": ""}),
        "kid without end": signed(GOOD | {"kid": "k" * 513}),
        "jwk null": signed(GOOD | {"jwk": None}),
        "jwk a string": signed(GOOD | {"jwk": "key"}),
    },
}


def refusal_of(token, headers=None):
    with pytest.raises(JwsRefused) as refused:
        verify_compact(token, expected_type="at+jwt", find_key=KEYS.find, headers=headers)
    return refused.value


def test_the_token_that_all_others_are_bent_from_is_good():
    for token in (TOKEN, TOKEN.encode()):
        assert verify_compact(token, expected_type="at+jwt", find_key=KEYS.find).payload == PAYLOAD


@requirement("G-7", "RFC 7515 §5.2", "RFC 8725 §3")
@pytest.mark.parametrize(
    ("reason", "token"),
    [(reason, token) for reason, tokens in CASES.items() for token in tokens.values()],
    ids=[name for tokens in CASES.values() for name in tokens],
)
def test_a_bad_token_is_refused_for_its_own_reason(reason, token):
    assert refusal_of(token).reason is reason
    if token.isascii():
        assert refusal_of(token.encode()).reason is reason
    # A cache filled by good tokens, and by this one, changes nothing.
    cache = HeaderCache()
    verify_compact(TOKEN, expected_type="at+jwt", find_key=KEYS.find, headers=cache)
    assert [refusal_of(token, cache).reason for _ in range(2)] == [reason, reason]


@requirement("G-7")
def test_an_embedded_key_is_never_the_key():
    attacker = PrivateKey.generate(Algorithm.ES256)
    jwk = attacker.public.to_jwk()
    token = signed({"alg": "ES256", "typ": "at+jwt", "kid": KID, "jwk": jwk}, key=attacker)
    assert refusal_of(token).reason is RefusalReason.BAD_SIGNATURE


def test_a_refusal_repeats_nothing_of_what_was_presented():
    for tokens in CASES.values():
        for token in tokens.values():
            refusal = refusal_of(token)
            assert refusal.__cause__ is None
            assert refusal.__suppress_context__ or refusal.__context__ is None
            assert not any(part and part in str(refusal) for part in token.split("."))


def test_every_reason_says_what_was_expected():
    texts = {str(JwsRefused(reason)) for reason in RefusalReason}
    assert len(texts) == len(RefusalReason)
    assert set(CASES) == set(RefusalReason)


def test_a_token_at_the_limit_is_read_and_one_above_is_not():
    token = sign_compact(b"{}", key=KEY, typ="at+jwt")
    options = {"expected_type": "at+jwt", "find_key": KEYS.find}
    assert verify_compact(token, limit=len(token), **options).payload == b"{}"
    with pytest.raises(JwsRefused) as refused:
        verify_compact(token, limit=len(token) - 1, **options)
    assert refused.value.reason is RefusalReason.TOO_LARGE
