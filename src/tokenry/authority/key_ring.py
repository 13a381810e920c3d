"""An issuer's keys as a node uses them now: which one signs, and what its key sets show (G-5).

Everything is prepared when the keys are read, so that a request only looks up. What is held is
replaced whole by `refresh`, after a change of keys that this node made or heard of.
"""

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from tokenry.jose import Algorithm, PublicKey, header_segment, parse_object, parse_public_jwk
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Signer
from tokenry.protocol.key_states import published, signing_key
from tokenry.protocol.signing_key import KeyState, KeyUse, SigningKey
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE
from tokenry.vocabulary.errors import SignerUnavailable
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId
from tokenry.vocabulary.instant import Seconds

FEED_ALGORITHM: Final = Algorithm.ES256
"""Verifiers check every frame, and ES256 verifies fastest of what everybody has."""


class TokenSlot(msgspec.Struct, frozen=True):
    """What it takes to sign: the key to ask the signer for, and the protected header, encoded."""

    kid: KeyId
    header: bytes


class _Keys(msgspec.Struct, frozen=True):
    all: tuple[SigningKey, ...] = ()
    token_slots: Mapping[str, TokenSlot] = MappingProxyType({})
    feed_key: KeyId | None = None
    public: Mapping[KeyId, PublicKey] = MappingProxyType({})
    jwks: bytes = b'{"keys":[]}'
    feed_jwks: bytes = b'{"keys":[]}'


class KeyRing:
    """The keys of one issuer on this node."""

    def __init__(
        self, issuer: IssuerUrl, *, store: Store, signer: Signer, max_age: Seconds
    ) -> None:
        self.issuer: Final = issuer
        self.max_age: Final = max_age
        self._store = store
        self._signer = signer
        self._keys = _Keys()
        self._feed_headers: dict[str, TokenSlot] = {}
        self._directory = -1
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Read the keys and hold them. Raises StoreUnavailable, SignerUnavailable."""
        # One at a time: of two reads, the one that ends last must not be the one begun first.
        async with self._reading:
            read = await self._store.signing_keys(self.issuer)
            # Retired keys too: a request that chose its key before it was retired may finish.
            usable = tuple(key for key in read if key.state is not KeyState.DESTROYED)
            if {key.kid for key in usable} <= {key.kid for key in self._keys.all}:
                self._signer.hold(self.issuer, usable)
            else:
                # Opening an RSA key takes long enough to be felt by every other request.
                await asyncio.to_thread(self._signer.hold, self.issuer, usable)
            self._keys = _prepare(usable)
            self._feed_headers = {}

    async def refresh_if_moved(self, directory: int) -> None:
        """Read the keys if the directory has come to a version that was not seen before."""
        if directory > self._directory:
            await self.refresh()
            self._directory = max(self._directory, directory)

    def token_header(self, algorithm: str) -> TokenSlot:
        """Return what signs access tokens with an algorithm. Raises SignerUnavailable."""
        slot = self._keys.token_slots.get(algorithm)
        if slot is None:
            raise SignerUnavailable(f"{self.issuer} has no active token key for {algorithm}")
        return slot

    def feed_header(self, typ: str) -> TokenSlot:
        """Return what signs feed objects of a type. Raises SignerUnavailable."""
        slot = self._feed_headers.get(typ)
        if slot is None:
            kid = self._keys.feed_key
            if kid is None:
                raise SignerUnavailable(f"{self.issuer} has no active feed key")
            slot = TokenSlot(kid, header_segment(FEED_ALGORITHM, typ=typ, kid=kid))
            self._feed_headers[typ] = slot
        return slot

    def public_key(self, kid: str) -> PublicKey | None:
        """Return a token key that is not destroyed, to verify with."""
        return self._keys.public.get(KeyId(kid))

    def jwks(self) -> bytes:
        """Return the key set of tokens: announced, active and retired keys (RFC 7517 §5)."""
        return self._keys.jwks

    def feed_jwks(self) -> bytes:
        """Return the key set of the feed, which no stock verifier reads."""
        return self._keys.feed_jwks

    def all_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys that are not destroyed, as they were last read."""
        return self._keys.all


def _prepare(keys: tuple[SigningKey, ...]) -> _Keys:
    algorithms = {key.algorithm for key in keys if key.use is KeyUse.TOKEN}
    slots = {}
    for algorithm in algorithms:
        signs = signing_key(keys, KeyUse.TOKEN, algorithm)
        if signs is not None:
            header = header_segment(Algorithm(algorithm), typ=ACCESS_TOKEN_TYPE, kid=signs.kid)
            slots[algorithm] = TokenSlot(signs.kid, header)
    feed = signing_key(keys, KeyUse.FEED, FEED_ALGORITHM)
    token_keys = [_public(key) for key in published(keys, KeyUse.TOKEN)]
    feed_keys = [_public(key) for key in published(keys, KeyUse.FEED)]
    return _Keys(
        all=keys,
        token_slots=slots,
        feed_key=None if feed is None else feed.kid,
        public={KeyId(key.thumbprint): key for key in token_keys},
        jwks=_key_set(token_keys),
        feed_jwks=_key_set(feed_keys),
    )


def _public(key: SigningKey) -> PublicKey:
    return parse_public_jwk(parse_object(key.public_jwk), algorithm=Algorithm(key.algorithm))


def _key_set(keys: Iterable[PublicKey]) -> bytes:
    return msgspec.json.encode({"keys": [key.to_jwk() for key in keys]})
