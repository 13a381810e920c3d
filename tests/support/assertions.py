"""Client assertions for tests: right in every way, until a test changes something."""

import msgspec

from support.taking_part import ISSUER
from tokenry.jose import KeySet, attach, base64url, signing_input

DEFAULT = object()


def assertion_claims(*, now, client_id="shop", **changes):
    """Return good claims; a change to None leaves a claim out."""
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": ISSUER,
        "iat": now // 1000,
        "exp": now // 1000 + 60,
        "jti": "an-assertion",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def signed(key, claims, *, typ="JWT", kid=DEFAULT, alg=None):
    """Sign claims (or payload bytes) with a key."""
    payload = claims if isinstance(claims, bytes) else msgspec.json.encode(claims)
    header = {"alg": alg or key.public.algorithm.value}
    if kid is DEFAULT:
        header["kid"] = key.public.kid
    elif kid is not None:
        header["kid"] = kid
    if typ is not None:
        header["typ"] = typ
    signing = signing_input(base64url.encode(msgspec.json.encode(header)), payload)
    return attach(signing, key.sign(signing))


def jwks(*keys):
    return msgspec.json.encode(KeySet.of([key.public for key in keys]).to_jwks())
