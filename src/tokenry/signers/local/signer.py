"""The Signer port with keys in memory: unwrapped when held, forgotten when no longer named."""

import threading
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tokenry.jose import Algorithm, KeyRefused, PrivateKey
from tokenry.ports.surroundings import KeyMaterial, KeyWrapper
from tokenry.protocol.signing_key import KeyState, KeyUse, SigningKey
from tokenry.vocabulary.errors import SignerUnavailable
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId

ALGORITHMS: Final = frozenset({Algorithm.ES256, Algorithm.ED25519, Algorithm.RS256})

_CONTEXT: Final = b"tokenry-private-key-v1"
_LENGTH_BYTES: Final = 4


def associated_data(issuer: IssuerUrl, kid: KeyId, use: KeyUse) -> bytes:
    """Return what a wrapped key is bound to: each part with its length, so none runs into the next.

    A wrapped key that was moved to another issuer, row or use in the database does not open.
    """
    parts = (issuer.encode(), kid.encode(), use.value.encode())
    return _CONTEXT + b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts)


class LocalSigner:
    """Makes keys and signatures in this process. `hold` and `create` may run in a thread."""

    def __init__(self, wrapper: KeyWrapper) -> None:
        self._wrapper = wrapper
        self._changing = threading.Lock()
        self._held: dict[IssuerUrl, dict[KeyId, Callable[[bytes], bytes]]] = {}
        self._sign: dict[KeyId, Callable[[bytes], bytes]] = {}

    def create(self, issuer: IssuerUrl, *, use: KeyUse, algorithm: str) -> KeyMaterial:
        """Generate a key pair and wrap its private part; RSA takes so long that it needs a thread.

        Raises SignerUnavailable for an algorithm that is not one of ES256, Ed25519 and RS256.
        """
        if algorithm not in ALGORITHMS:
            raise SignerUnavailable(
                f"the local signer makes keys for {', '.join(sorted(ALGORITHMS))}, not {algorithm}"
            )
        key = PrivateKey.generate(Algorithm(algorithm))
        kid = KeyId(key.public.thumbprint)
        return KeyMaterial(
            kid=kid,
            public_jwk=msgspec.json.encode(key.public.to_jwk()),
            wrapped_private=self._wrapper.wrap(
                key.to_pkcs8(), associated=associated_data(issuer, kid, use)
            ),
        )

    def hold(self, issuer: IssuerUrl, keys: Iterable[SigningKey]) -> None:
        """Unwrap those of the keys that are new here, and forget all others of the issuer.

        Raises SignerUnavailable if one does not open, and then holds what it held before.
        """
        with self._changing:
            before = self._held.get(issuer, {})
            held: dict[KeyId, Callable[[bytes], bytes]] = {}
            for key in keys:
                if key.state is not KeyState.DESTROYED:
                    held[key.kid] = before.get(key.kid) or self._unwrap(issuer, key)
            self._held[issuer] = held
            # Replaced whole, never changed: `sign` may be looking.
            self._sign = {
                kid: sign for of_issuer in self._held.values() for kid, sign in of_issuer.items()
            }

    async def sign(self, kid: KeyId, signing_input: bytes) -> bytes:
        """Return the raw JWS signature. Raises SignerUnavailable for a key that is not held."""
        sign = self._sign.get(kid)
        if sign is None:
            raise SignerUnavailable(f"no key {kid} is held: it was destroyed, or never loaded")
        return sign(signing_input)

    def _unwrap(self, issuer: IssuerUrl, key: SigningKey) -> Callable[[bytes], bytes]:
        private = self._wrapper.unwrap(
            key.wrapped_private, associated=associated_data(issuer, key.kid, key.use)
        )
        try:
            opened = PrivateKey.from_pkcs8(private, algorithm=Algorithm(key.algorithm))
        except (KeyRefused, ValueError) as refused:
            raise SignerUnavailable(f"key {key.kid} is not a key for {key.algorithm}") from refused
        if KeyId(opened.public.thumbprint) != key.kid:
            raise SignerUnavailable(f"key {key.kid} has the thumbprint {opened.public.thumbprint}")
        return opened.sign_function
