"""PyJWT believes our tokens and we believe PyJWT's."""

import json

import jwt
import pytest

from support.requirement import requirement
from tokenry.jose import (
    Algorithm,
    DeprecatedName,
    JwsRefused,
    KeySet,
    PrivateKey,
    parse_public_jwk,
    sign_compact,
    verify_compact,
)

SHARED = [Algorithm.ES256, Algorithm.ES384, Algorithm.RS256, Algorithm.PS256]
CLAIMS = {"iss": "https://as.example", "sub": "robot", "n": 1}


@requirement("RFC 7515")
@pytest.mark.parametrize("algorithm", SHARED)
def test_pyjwt_believes_our_tokens(keys, algorithm):
    key = keys[algorithm]
    token = sign_compact(json.dumps(CLAIMS).encode(), key=key, typ="at+jwt")
    foreign = jwt.PyJWK.from_dict(key.public.to_jwk())
    assert jwt.decode(token, foreign, algorithms=[algorithm.value]) == CLAIMS
    assert jwt.get_unverified_header(token)["kid"] == key.public.kid


@pytest.mark.parametrize("algorithm", SHARED)
def test_we_believe_pyjwts_tokens(keys, algorithm):
    key = keys[algorithm]
    token = jwt.encode(
        CLAIMS,
        key.cryptography_key,
        algorithm=algorithm.value,
        headers={"typ": "at+jwt", "kid": key.public.kid},
    )
    find = KeySet.of([key.public]).find
    verified = verify_compact(token, expected_type="at+jwt", find_key=find)
    assert json.loads(verified.payload) == CLAIMS


@requirement("RFC 9864 §2.2")
def test_pyjwts_ed25519_tokens_need_the_old_name():
    key = PrivateKey.generate(Algorithm.ED25519)
    token = jwt.encode(CLAIMS, key.cryptography_key, algorithm="EdDSA", headers={"typ": "a"})
    with pytest.raises(JwsRefused):
        verify_compact(token, expected_type="a", find_key=lambda kid: key.public)
    lenient = parse_public_jwk(key.public.to_jwk(), deprecated_name=DeprecatedName.EDDSA)
    verified = verify_compact(token, expected_type="a", find_key=lambda kid: lenient)
    assert json.loads(verified.payload) == CLAIMS
