"""The public keys of clients, read strictly: one key that cannot be used refuses the whole set.

A verifier leaves out keys that it does not understand. Here somebody registers them, and wants to
be told. Private members are refused with a message that says the key is burnt.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tokenry.blueprint.declarations import Blueprint
from tokenry.blueprint.problems import BlueprintError, Path, Problem, describe, spell_path
from tokenry.jose import Algorithm, KeySet, MalformedJson, PublicKey, parse_object, parse_public_jwk
from tokenry.jose.algorithms import KEY_SHAPES
from tokenry.jose.refusals import KeyFault, KeyRefused, KeySetRefused
from tokenry.vocabulary.identifiers import ClientId

MAX_CLIENT_KEYS: Final = 16
MAX_CLIENT_KEY_SET_BYTES: Final = 64 * 1024

_SHAPES = Counter((shape.key_type, shape.curve) for shape in KEY_SHAPES.values())
_ONLY_ALGORITHM: Final = {
    (shape.key_type, shape.curve): algorithm
    for algorithm, shape in KEY_SHAPES.items()
    if _SHAPES[shape.key_type, shape.curve] == 1
}


class ClientKeysRefused(ValueError):
    """A key set that a client cannot be registered with.

    `path` leads into the JSON, `expected` and `found` say what is wrong there, `hint` what to do.
    """

    def __init__(self, expected: str, found: str, *, path: Path = (), hint: str = "") -> None:
        where = f"{spell_path(path)}: " if path else ""
        super().__init__(
            f"{where}expected {expected}, found {found}" + (f" ({hint})" if hint else "")
        )
        self.path = path
        self.expected = expected
        self.found = found
        self.hint = hint


def client_key_set(data: bytes | Mapping[str, Any]) -> bytes:
    """Return the set as it is stored: public members alone, each key with its `alg`.

    A key without `alg` gets the one its kind has; RSA keys have two, and must say which. Raises
    ClientKeysRefused.
    """
    document = _object(data) if isinstance(data, bytes) else data
    entries = document.get("keys")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_CLIENT_KEYS:
        raise ClientKeysRefused(
            f"a JWK set with 1 to {MAX_CLIENT_KEYS} keys (RFC 7517 §5)",
            "no list of keys" if not isinstance(entries, list) else describe(entries),
        )
    keys = [_public_key(entry, index) for index, entry in enumerate(entries)]
    try:
        return msgspec.json.encode(KeySet.of(keys).to_jwks())
    except KeySetRefused as refused:
        raise ClientKeysRefused(
            str(refused).removeprefix("expected "), "two with one kid", path=("keys",)
        ) from None


def read_key_sets(blueprint: Blueprint, read: Callable[[str], bytes]) -> dict[ClientId, bytes]:
    """Read the key set of every client that names one, through `read`, which gets its path.

    Raises BlueprintError with every problem; an OSError of `read` becomes one.
    """
    key_sets: dict[ClientId, bytes] = {}
    problems: list[Problem] = []
    for name, client in blueprint.clients.items():
        if client.jwks_file is None:
            continue
        path = spell_path(("clients", name, "jwks_file"))
        try:
            key_sets[ClientId(name)] = client_key_set(read(client.jwks_file))
        except OSError as error:
            found = f"{describe(client.jwks_file)}: {error.strerror or error}"
            problems.append(Problem(path=path, expected="a readable JSON file", found=found))
        except ClientKeysRefused as refused:
            where = f" at {spell_path(refused.path)}" if refused.path else ""
            problems.append(
                Problem(
                    path=path,
                    expected=refused.expected,
                    found=f"{refused.found}{where} in {describe(client.jwks_file)}",
                    hint=refused.hint,
                )
            )
    if problems:
        raise BlueprintError(problems)
    return key_sets


def _object(data: bytes) -> Mapping[str, Any]:
    if len(data) > MAX_CLIENT_KEY_SET_BYTES:
        raise ClientKeysRefused(
            f"a JWK set of at most {MAX_CLIENT_KEY_SET_BYTES} bytes", f"{len(data)} bytes"
        )
    try:
        return parse_object(data)
    except MalformedJson as malformed:
        raise ClientKeysRefused("a JSON object without repeated members", str(malformed)) from None


def _public_key(entry: object, index: int) -> PublicKey:
    path: Path = ("keys", index)
    if not isinstance(entry, dict):
        raise ClientKeysRefused("a JWK", describe(entry), path=path)
    kind = (entry.get("kty"), entry.get("crv"))
    pin: Algorithm | None = None
    if "alg" not in entry and all(isinstance(part, str | None) for part in kind):
        pin = _ONLY_ALGORITHM.get((str(kind[0]), kind[1]))
    try:
        return parse_public_jwk(entry, algorithm=pin)
    except KeyRefused as refused:
        if refused.fault is KeyFault.PRIVATE:
            hint = "take this key out of use: it is no longer secret; register the public half of"
            raise ClientKeysRefused(
                "public keys alone", "private members", path=path, hint=f"{hint} a new one"
            ) from None
        expected = str(refused).removeprefix("expected ")
        raise ClientKeysRefused(expected, f"a key that is {refused.fault}", path=path) from None
