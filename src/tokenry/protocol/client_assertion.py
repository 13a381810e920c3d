"""private_key_jwt: a signed assertion in place of a secret (RFC 7523 §3, as its revision reads it).

`aud` is the issuer alone, as a string: an assertion for the token endpoint or for several
authorities could be passed on. Each is single-use (G-2): proving one yields an `AssertionUse`,
which whoever acts on the request must claim in the same transaction.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec

from tokenry.jose import (
    AcceptedTypes,
    JwsRefused,
    KeySet,
    KeySetRefused,
    MalformedJson,
    UnverifiedJws,
    one_of,
    parse_compact,
    parse_object,
    parse_public_jwk,
)
from tokenry.vocabulary.bounds import MAX_ASSERTION_LIFETIME, MAX_IDENTIFIER_BYTES
from tokenry.vocabulary.claims import (
    AUDIENCE,
    EXPIRES,
    ISSUED_AT,
    ISSUER,
    NOT_BEFORE,
    SUBJECT,
    TOKEN_ID,
)
from tokenry.vocabulary.errors import InvalidClient
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl
from tokenry.vocabulary.instant import (
    Instant,
    Seconds,
    has_expired,
    instant_from_numeric_date,
    later,
)

LEEWAY: Final = Seconds(10)
"""Clocks of clients may be off by this much; FAPI 2.0 asks for ten seconds."""
MAX_ASSERTION_CHARACTERS: Final = 8 * 1024
REPLAY_KEY_BYTES: Final = 16

# The revision of RFC 7523 has a type of its own; older senders say JWT, or nothing.
_TYPES: Final[AcceptedTypes] = one_of("client-authentication+jwt", "JWT", or_absent=True)

# Verified with when a client has no key that fits, so that it takes as long. The point is the
# generator of the curve: anybody can sign for it, and what it says counts for nothing.
_NOBODYS_KEY: Final = parse_public_jwk(
    {
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    }
)


class PresentedAssertion(msgspec.Struct, frozen=True, gc=False):
    """A well-formed assertion of which nothing is proven; `client_id` is its `sub`."""

    client_id: ClientId
    jws: UnverifiedJws
    claims: Mapping[str, object]


class AssertionUse(msgspec.Struct, frozen=True):
    """A use of an assertion: to be claimed under `key`, and remembered at least until `until`."""

    key: bytes
    until: Instant


def read_assertion(text: str) -> PresentedAssertion:
    """Take an assertion apart. Raises InvalidClient."""
    try:
        jws = parse_compact(text, limit=MAX_ASSERTION_CHARACTERS)
        jws.require_type(_TYPES)
        claims = parse_object(jws.payload)
    except (JwsRefused, MalformedJson) as refused:
        raise InvalidClient(because=f"client_assertion: {refused}") from None
    return PresentedAssertion(ClientId(_identifier(claims, SUBJECT)), jws, claims)


def registered_keys(jwks: bytes) -> KeySet:
    """Parse a client's registered key set. Raises InvalidClient: nothing can be proven by it."""
    try:
        return KeySet.from_jwks(jwks)
    except KeySetRefused as refused:
        raise InvalidClient(because=f"the client's registered keys: {refused}") from None


def prove_assertion(
    presented: PresentedAssertion, keys: KeySet | None, *, issuer: IssuerUrl, now: Instant
) -> AssertionUse:
    """Prove an assertion by the client's `registered_keys` (None: it has none).

    Raises InvalidClient. In this order: 1 signature, 2 who, 3 for whom, 4 when, 5 which.
    """
    claims = presented.claims
    # 1. A key of the client made it, by that key's own algorithm.
    _verify(presented.jws, keys)
    # 2. The client speaks for itself.
    if claims.get(ISSUER) != presented.client_id:
        raise InvalidClient(because="client_assertion: iss is not sub")
    # 3. To this issuer alone.
    if claims.get(AUDIENCE) != issuer:
        raise InvalidClient(because="client_assertion: aud is not the issuer alone")
    # 4. Now, and not for long: the window is what has to be remembered.
    expires = _instant(claims, EXPIRES)
    if expires is None:
        raise InvalidClient(because="client_assertion: no exp")
    if has_expired(expires, now=now, leeway=LEEWAY):
        raise InvalidClient(because="client_assertion: expired")
    if expires > later(now, Seconds(MAX_ASSERTION_LIFETIME + LEEWAY)):
        raise InvalidClient(because=f"client_assertion: exp over {MAX_ASSERTION_LIFETIME} s ahead")
    for claim in (NOT_BEFORE, ISSUED_AT):
        start = _instant(claims, claim)
        if start is not None and start > later(now, LEEWAY):
            raise InvalidClient(because=f"client_assertion: {claim} is in the future")
    # 5. One of its kind.
    jti = _identifier(claims, TOKEN_ID)
    return AssertionUse(
        replay_key(presented.client_id, jti), later(expires, Seconds(LEEWAY + LEEWAY))
    )


def replay_key(client_id: ClientId, jti: str) -> bytes:
    """Return the 16 bytes that an assertion is remembered by, within its issuer."""
    # A client id has no NUL, so no two pairs read alike.
    return sha256(f"client-assertion\0{client_id}\0{jti}".encode()).digest()[:REPLAY_KEY_BYTES]


def _verify(jws: UnverifiedJws, keys: KeySet | None) -> None:
    key = None if keys is None else keys.find(jws.header.kid)
    if key is None or jws.header.alg not in key.algorithm_names:
        _NOBODYS_KEY.verify(jws.signature, jws.signing_input)
        raise InvalidClient(because="client_assertion: no registered key has this kid and alg")
    try:
        jws.verify_with(key, expected_type=_TYPES)
    except JwsRefused as refused:
        raise InvalidClient(because=f"client_assertion: {refused}") from None


def _identifier(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if isinstance(value, str) and 0 < len(value) <= MAX_IDENTIFIER_BYTES:
        return value
    raise InvalidClient(because=f"client_assertion: {name} is missing or not an identifier")


def _instant(claims: Mapping[str, object], name: str) -> Instant | None:
    """Return a NumericDate claim, None when absent. Fractions are dropped (RFC 7519 §2)."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 43:
        raise InvalidClient(because=f"client_assertion: {name} is not a NumericDate")
    return instant_from_numeric_date(int(value))
