"""Everything that must not get in, each with the reason it is refused for (G-7, RFC 8725)."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose import Algorithm, PrivateKey, sign_compact
from tokenry.resource import PresentedRequest, Reason, TokenRefused
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES

AUDIENCE = "https://orders.test"
OTHER = "https://pay.test"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(issuer, **more):
    return issuer.claims(audience=AUDIENCE, scope="orders.read", more=more)


def without(issuer, name):
    return {key: value for key, value in claims(issuer).items() if key != name}


def signed(issuer, payload: bytes, header: bytes | None = None, **members) -> str:
    """Sign any payload under any header with the issuer's own key."""
    key = issuer.token_keys[-1]
    if header is None:
        told = {"alg": "ES256", "kid": key.public.kid, "typ": "at+jwt", **members}
        header = json.dumps({k: v for k, v in told.items() if v is not None}).encode()
    signing_input = f"{b64(header)}.{b64(payload)}".encode()
    return f"{signing_input.decode()}.{b64(key.sign(signing_input))}"


def good(issuer) -> str:
    return issuer.sign(claims(issuer))


def payload(issuer, **more) -> bytes:
    return json.dumps(claims(issuer, **more)).encode()


def with_public_key_as_secret(issuer) -> str:
    public = issuer.token_keys[-1].cryptography_key.public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "kid": issuer.token_keys[-1].public.kid, "typ": "at+jwt"}
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(payload(issuer))}"
    mac = hmac.new(pem, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{b64(mac)}"


def with_alg_none(issuer) -> str:
    header = b64(b'{"alg":"none","typ":"at+jwt"}')
    return f"{header}.{b64(payload(issuer))}."


def with_key_in_header(issuer) -> str:
    thief = PrivateKey.generate(Algorithm.ES256)
    header = {"alg": "ES256", "typ": "at+jwt", "jwk": thief.public.to_jwk()}
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(payload(issuer))}".encode()
    return f"{signing_input.decode()}.{b64(thief.sign(signing_input))}"


def of_another_key(issuer) -> str:
    """Sign with a key of one's own, under the kid of the issuer's."""
    thief = PrivateKey.generate(Algorithm.ES256)
    header = {"alg": "ES256", "kid": issuer.token_keys[-1].public.kid, "typ": "at+jwt"}
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(payload(issuer))}".encode()
    return f"{signing_input.decode()}.{b64(thief.sign(signing_input))}"


def a_feed_frame(issuer) -> str:
    return issuer.history.sign_frame(issuer.history.frames(issuer.head)[0])


def signed_by_the_feed_key(issuer) -> str:
    return sign_compact(payload(issuer), key=issuer.feed_keys[-1], typ="at+jwt")


def tampered(issuer) -> str:
    header, body, signature = good(issuer).split(".")
    changed = json.loads(unb64(body)) | {"scope": "orders.admin"}
    return f"{header}.{b64(json.dumps(changed).encode())}.{signature}"


def duplicated(issuer, name: str, first: str) -> str:
    """Say a member twice: one reader takes the first, another the last."""
    text = payload(issuer).decode()
    return signed(issuer, f'{{"{name}":{first},{text[1:]}'.encode())


def shortened(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{b64(unb64(signature)[:-1])}"


def lifetime(issuer, seconds: int) -> dict:
    told = claims(issuer)
    return told | {"exp": told["iat"] + seconds}


def now(issuer) -> int:
    return issuer.clock.now() // 1000


REFUSED = [
    # 1 parse
    ("no segments", lambda i: "abc", Reason.MALFORMED),
    ("two segments", lambda i: good(i).rpartition(".")[0], Reason.MALFORMED),
    ("four segments", lambda i: good(i) + ".x", Reason.MALFORMED),
    ("truncated signature", lambda i: good(i)[:-1], Reason.MALFORMED),
    ("shorter signature", lambda i: shortened(good(i)), Reason.SIGNATURE),
    ("no signature", lambda i: good(i).rpartition(".")[0] + ".", Reason.MALFORMED),
    ("padding", lambda i: good(i) + "==", Reason.MALFORMED),
    ("plus for minus", lambda i: signed(i, payload(i, a="???>>>")).replace("_", "/"), None),
    ("line feed", lambda i: good(i) + "\n", Reason.MALFORMED),
    ("huge", lambda i: "x" * (MAX_TOKEN_BYTES + 1), Reason.MALFORMED),
    ("huge header", lambda i: signed(i, payload(i), x="x" * 5000), Reason.MALFORMED),
    ("header is no JSON", lambda i: signed(i, payload(i), b"alg"), Reason.MALFORMED),
    ("header is an array", lambda i: signed(i, payload(i), b"[]"), Reason.MALFORMED),
    ("header says alg twice", lambda i: signed(
        i, payload(i), b'{"alg":"none","alg":"ES256","typ":"at+jwt"}'), Reason.MALFORMED),
    ("alg none", with_alg_none, Reason.MALFORMED),
    ("alg None, signed", lambda i: signed(i, payload(i), alg="none"), Reason.MALFORMED),
    ("HS256 with the public key", with_public_key_as_secret, Reason.MALFORMED),
    ("alg in lower case", lambda i: signed(i, payload(i), alg="es256"), Reason.MALFORMED),
    ("unknown crit", lambda i: signed(i, payload(i), crit=["exp"], exp=1), Reason.MALFORMED),
    ("empty crit", lambda i: signed(i, payload(i), crit=[]), Reason.MALFORMED),
    ("b64 false", lambda i: signed(i, payload(i), b64=False), Reason.MALFORMED),
    ("zip", lambda i: signed(i, payload(i), zip="DEF"), Reason.MALFORMED),
    ("jku", lambda i: signed(i, payload(i), jku="https://thief.test/jwks"), Reason.MALFORMED),
    # 2 type
    ("no typ", lambda i: signed(i, payload(i), typ=None), Reason.TYPE),
    ("typ JWT", lambda i: signed(i, payload(i), typ="JWT"), Reason.TYPE),
    ("typ of a logout token", lambda i: signed(i, payload(i), typ="logout+jwt"), Reason.TYPE),
    ("a feed frame", a_feed_frame, Reason.TYPE),
    # 3 key
    ("no kid", lambda i: signed(i, payload(i), kid=None), Reason.UNKNOWN_KEY),
    ("kid traversal", lambda i: signed(i, payload(i), kid="../../dev/null"), Reason.UNKNOWN_KEY),
    ("kid injection", lambda i: signed(i, payload(i), kid="' OR 1=1 --"), Reason.UNKNOWN_KEY),
    ("kid as a URL", lambda i: signed(i, payload(i), kid="https://thief.test"), Reason.UNKNOWN_KEY),
    ("key in the header", with_key_in_header, Reason.UNKNOWN_KEY),
    ("signed by a feed key", signed_by_the_feed_key, Reason.UNKNOWN_KEY),
    # 4 signature
    ("alg of another key type", lambda i: signed(i, payload(i), alg="RS256"), Reason.SIGNATURE),
    ("alg EdDSA", lambda i: signed(i, payload(i), alg="EdDSA"), Reason.SIGNATURE),
    ("another key under our kid", of_another_key, Reason.SIGNATURE),
    ("tampered payload", tampered, Reason.SIGNATURE),
    # the payload's shape
    ("no JSON", lambda i: signed(i, b"hello"), Reason.CLAIMS),
    ("not UTF-8", lambda i: signed(i, b'{"iss":"\xff"}'), Reason.CLAIMS),
    ("an array", lambda i: signed(i, b"[]"), Reason.CLAIMS),
    ("deep", lambda i: signed(i, b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"), Reason.CLAIMS),
    ("NaN", lambda i: signed(i, payload(i)[:-1] + b',"x":NaN}'), Reason.CLAIMS),
    ("exp twice", lambda i: duplicated(i, "exp", "9999999999"), Reason.CLAIMS),
    ("aud twice", lambda i: duplicated(i, "aud", '"https://x.test"'), Reason.CLAIMS),
    ("an unknown claim twice", lambda i: signed(
        i, b'{"x":1,"x":1,' + payload(i)[1:]), Reason.CLAIMS),
    ("a member of a claim twice", lambda i: signed(
        i, b'{"x":{"a":1,"a":2},' + payload(i)[1:]), Reason.CLAIMS),
    ("exp twice, once escaped", lambda i: duplicated(i, "\\u0065xp", "9999999999"), Reason.CLAIMS),
    ("exp as a string", lambda i: i.sign(claims(i, exp=str(now(i) + 60))), Reason.CLAIMS),
    ("exp as a float", lambda i: i.sign(claims(i, exp=now(i) + 60.5)), Reason.CLAIMS),
    ("exp true", lambda i: i.sign(claims(i, exp=True)), Reason.CLAIMS),
    ("exp negative", lambda i: i.sign(claims(i, exp=-1)), Reason.CLAIMS),
    ("exp beyond 2^53", lambda i: i.sign(claims(i, exp=1 << 53)), Reason.CLAIMS),
    ("exp null", lambda i: i.sign(claims(i, exp=None)), Reason.CLAIMS),
    ("sid null", lambda i: i.sign(claims(i, sid=None)), Reason.CLAIMS),
    ("empty jti", lambda i: i.sign(claims(i, jti="")), Reason.CLAIMS),
    ("long jti", lambda i: i.sign(claims(i, jti="x" * 513)), Reason.CLAIMS),
    ("NUL in sub", lambda i: i.sign(claims(i, sub="a\0b")), Reason.CLAIMS),
    ("scope as an array", lambda i: i.sign(claims(i, scope=["orders.read"])), Reason.CLAIMS),
    *[
        (f"no {name}", lambda i, name=name: i.sign(without(i, name)), Reason.CLAIMS)
        for name in ("iss", "sub", "aud", "client_id", "iat", "exp", "jti", "grant", "rsn")
    ],
    # 5 issuer
    ("iss with a slash", lambda i: i.sign(claims(i, iss=i.url + "/")), Reason.ISSUER),
    ("iss in upper case", lambda i: i.sign(claims(i, iss=i.url.upper())), Reason.ISSUER),
    ("another iss", lambda i: i.sign(claims(i, iss="https://thief.test")), Reason.ISSUER),
    # 6 audience
    ("aud of another service", lambda i: i.sign(claims(i, aud=OTHER)), Reason.AUDIENCE),
    ("aud as a prefix", lambda i: i.sign(claims(i, aud=AUDIENCE[:-1])), Reason.AUDIENCE),
    ("our name as a prefix", lambda i: i.sign(claims(i, aud=AUDIENCE + ".x")), Reason.AUDIENCE),
    ("aud with a slash", lambda i: i.sign(claims(i, aud=AUDIENCE + "/")), Reason.AUDIENCE),
    ("two audiences", lambda i: i.sign(claims(i, aud=[AUDIENCE, OTHER])), Reason.AUDIENCE),
    ("the same audience twice", lambda i: i.sign(claims(i, aud=[AUDIENCE] * 2)), Reason.AUDIENCE),
    ("no audience in the array", lambda i: i.sign(claims(i, aud=[])), Reason.AUDIENCE),
    # 7 time
    ("lifetime above the maximum", lambda i: i.sign(lifetime(i, 301)), Reason.LIFETIME),
    ("lifetime of nothing", lambda i: i.sign(lifetime(i, 0)), Reason.LIFETIME),
    ("exp before iat", lambda i: i.sign(lifetime(i, -10)), Reason.LIFETIME),
    ("iat in the future", lambda i: i.sign(
        claims(i, iat=now(i) + 6, exp=now(i) + 60)), Reason.NOT_YET_VALID),
    ("nbf in the future", lambda i: i.sign(claims(i, nbf=now(i) + 6)), Reason.NOT_YET_VALID),
    ("expired just now", lambda i: i.sign(
        claims(i, iat=now(i) - 65, exp=now(i) - 5)), Reason.EXPIRED),
    # 8 binding
    ("bound to a key", lambda i: i.sign(claims(i, cnf={"jkt": "x" * 43})), Reason.BINDING),
    ("bound to a certificate", lambda i: i.sign(
        claims(i, cnf={"x5t#S256": "x" * 43})), Reason.BINDING),
    ("bound in an unknown way", lambda i: i.sign(claims(i, cnf={"osc": {}})), Reason.BINDING),
    # opaque
    ("a short reference", lambda i: "tkr_abc", Reason.MALFORMED),
    ("an unknown reference", lambda i: "tkr_" + "x" * 43, Reason.INACTIVE),
    ("a reference in upper case", lambda i: "TKR_" + "x" * 43, Reason.MALFORMED),
]  # fmt: skip


@requirement("G-7", "R-40", "RFC 8725", "RFC 9068 §4")
@pytest.mark.parametrize(
    ("make", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_what_must_not_get_in_does_not(make, reason, issuer, verifier, events):
    token = make(issuer)
    for _ in range(2):  # what was refused once is not remembered as good
        with pytest.raises(TokenRefused) as refused:
            await verifier.verify(issuer.request(token), required_scopes={"orders.read"})
        assert reason is None or refused.value.reason is reason
        assert refused.value.status == 401
        assert refused.value.code == "invalid_token"
        assert 'error="invalid_token"' in (refused.value.challenge or "")
    assert events[-1].reason is refused.value.reason


@requirement("RFC 9068 §4")
@pytest.mark.parametrize(
    "make",
    [
        good,
        lambda i: signed(i, payload(i), typ="application/at+jwt"),
        lambda i: signed(i, payload(i), typ="AT+JWT"),
        lambda i: i.sign(claims(i, aud=[AUDIENCE])),
        lambda i: i.sign(claims(i, roles=["a", {"b": 1}], email="a@b.test")),
        lambda i: signed(i, json.dumps(claims(i), indent=3).encode() + b"\n"),
        lambda i: i.sign(lifetime(i, 300)),
        lambda i: i.sign(claims(i, iat=now(i) + 5, nbf=now(i) + 5, exp=now(i) + 60)),
        lambda i: i.sign(claims(i, iat=now(i) - 64, exp=now(i) - 4)),
    ],
)
async def test_what_only_looks_unusual_gets_in(make, issuer, verifier):
    token = await verifier.verify(issuer.request(make(issuer)), required_scopes={"orders.read"})
    assert token.claims()["iss"] == issuer.url


@requirement("RFC 7519 §4.1.4")
@pytest.mark.parametrize("seen_before", [True, False])
async def test_a_token_expires_at_the_exact_millisecond(seen_before, issuer, verifier):
    request = issuer.request(issuer.mint(audience=AUDIENCE, lifetime=60))
    if seen_before:
        await verifier.verify(request)
    issuer.advance(64)  # 60 and the published leeway of 5
    issuer.advance(0.999)
    await issuer.delivered()
    await verifier.verify(request)
    issuer.advance(0.001)
    await issuer.delivered()
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(request)
    assert refused.value.reason is Reason.EXPIRED
    assert "expired" in (refused.value.challenge or "")


@requirement("R-03", "RFC 6750 §3.1")
async def test_a_scope_that_was_not_granted_is_named(issuer, verifier):
    request = issuer.request(issuer.mint(audience=AUDIENCE, scope="orders.read orders"))
    assert (await verifier.verify(request)).scopes == {"orders.read", "orders"}
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(request, required_scopes={"orders.read", "orders.write"})
    assert (refused.value.status, refused.value.code) == (403, "insufficient_scope")
    assert 'scope="orders.read orders.write"' in (refused.value.challenge or "")


@requirement("G-7")
async def test_a_token_in_the_query_is_never_looked_at(issuer, verifier):
    token = issuer.mint(audience=AUDIENCE)
    request = issuer.request(None, url=f"https://orders.test/?access_token={token}")
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(request)
    assert refused.value.reason is Reason.NO_TOKEN
    assert refused.value.code is None
    assert "error" not in (refused.value.challenge or "")


@requirement("G-7")
@given(at=st.integers(0, 2000), byte=st.integers(0, 255))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_changed_byte_gets_in(at, byte, issuer, verifier):
    token = bytearray(good(issuer).encode())
    at %= len(token)
    if token[at] == byte:
        byte ^= 1
    token[at] = byte
    headers = [(b"authorization", b"Bearer " + bytes(token))]
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(PresentedRequest("GET", "/", headers))
    assert refused.value.status in {400, 401}
