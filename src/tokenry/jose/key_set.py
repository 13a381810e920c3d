"""JWK sets (RFC 7517 §5): the keys of an issuer or client that can be used here, by `kid`."""

from collections.abc import Iterable, Mapping
from typing import Final, Self

import msgspec

from tokenry.jose.algorithms import Algorithm, DeprecatedName
from tokenry.jose.jwk import PublicKey, parse_public_jwk
from tokenry.jose.refusals import KeyFault, KeyRefused, KeySetRefused
from tokenry.jose.strict_json import MalformedJson, parse_object

MAX_KEYS: Final = 100
MAX_JWKS_BYTES: Final = 512 * 1024
"""A hundred ML-DSA-44 keys with certificates beside them stay below."""


class KeySet(msgspec.Struct, frozen=True, eq=False):
    """Usable keys in their order, and why others were left out."""

    keys: tuple[PublicKey, ...]
    ignored: tuple[KeyFault, ...]
    by_kid: Mapping[str, PublicKey]

    @classmethod
    def of(cls, keys: Iterable[PublicKey], *, ignored: tuple[KeyFault, ...] = ()) -> Self:
        """Make a set. A repeated key is kept once; raises KeySetRefused for a kid of two keys."""
        kept: list[PublicKey] = []
        by_kid: dict[str, PublicKey] = {}
        for key in keys:
            namesake = None if key.kid is None else by_kid.get(key.kid)
            if namesake is not None and not namesake.is_same_key(key):
                raise KeySetRefused("expected different keys to have different kids")
            if namesake is None:
                kept.append(key)
                if key.kid is not None:
                    by_kid[key.kid] = key
        if len(kept) > MAX_KEYS:
            raise KeySetRefused(f"expected at most {MAX_KEYS} keys")
        return cls(keys=tuple(kept), ignored=ignored, by_kid=by_kid)

    @classmethod
    def from_jwks(
        cls,
        jwks: bytes | Mapping[str, object],
        *,
        algorithm_if_absent: Algorithm | None = None,
        deprecated_name: DeprecatedName | None = None,
    ) -> Self:
        """Read a JWK set. `algorithm_if_absent` pins the keys that name no `alg` themselves.

        A key that cannot be used (unknown kind, algorithm or use, malformed, private members) is
        left out, so that it takes no other key down with it; its fault is in `ignored`. Raises
        KeySetRefused if the set is not one, is too large, or names two keys alike.
        """
        entries = _entries(jwks)
        keys: list[PublicKey] = []
        ignored: list[KeyFault] = []
        for entry in entries:
            pin = None if "alg" in entry else algorithm_if_absent
            try:
                keys.append(parse_public_jwk(entry, algorithm=pin, deprecated_name=deprecated_name))
            except KeyRefused as refused:
                ignored.append(refused.fault)
        return cls.of(keys, ignored=tuple(ignored))

    def find(self, kid: str | None) -> PublicKey | None:
        """Return the key of that exact kid; for None the only key, if there is only one."""
        if kid is None:
            return self.keys[0] if len(self.keys) == 1 else None
        return self.by_kid.get(kid)

    def to_jwks(self) -> dict[str, object]:
        """Return the document to publish."""
        return {"keys": [key.to_jwk() for key in self.keys]}


def _entries(jwks: bytes | Mapping[str, object]) -> list[dict[str, object]]:
    if isinstance(jwks, bytes):
        if len(jwks) > MAX_JWKS_BYTES:
            raise KeySetRefused(f"expected a JWK set of at most {MAX_JWKS_BYTES} bytes")
        try:
            jwks = parse_object(jwks)
        except MalformedJson as malformed:
            raise KeySetRefused(str(malformed)) from None
    entries = jwks.get("keys")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise KeySetRefused("expected keys to be an array of objects")
    if len(entries) > MAX_KEYS:
        raise KeySetRefused(f"expected at most {MAX_KEYS} keys")
    return entries
