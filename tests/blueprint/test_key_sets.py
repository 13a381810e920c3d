"""Clients' key sets are read strictly, and a private key in one is refused as burnt."""

import json

import pytest

from support.requirement import requirement
from tokenry.blueprint.key_sets import ClientKeysRefused, client_key_set, read_key_sets
from tokenry.blueprint.parse import parse_blueprint
from tokenry.blueprint.problems import BlueprintError
from tokenry.jose import Algorithm, KeySet, PrivateKey

EC = PrivateKey.generate(Algorithm.ES256).public.to_jwk()
ED = PrivateKey.generate(Algorithm.ED25519).public.to_jwk()
RSA = PrivateKey.generate(Algorithm.RS256).public.to_jwk()


def without(jwk: dict[str, str], *members: str) -> dict[str, str]:
    return {name: value for name, value in jwk.items() if name not in members}


def jwks(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.mark.parametrize("key", [EC, ED, RSA])
def test_a_key_is_kept_with_its_algorithm_and_without_unknown_members(key: dict[str, str]) -> None:
    kept = json.loads(client_key_set(jwks({**key, "x-note": "mine"})))
    assert kept == {"keys": [key]}


@requirement("RFC 7517 §4.4")
@pytest.mark.parametrize("key", [EC, ED])
def test_a_key_without_alg_gets_the_one_of_its_kind(key: dict[str, str]) -> None:
    stored = KeySet.from_jwks(client_key_set(jwks(without(key, "alg", "use", "kid"))))
    assert [found.algorithm for found in stored.keys] == [key["alg"]]
    assert stored.ignored == ()


@requirement("R-10")
@pytest.mark.parametrize(
    ("data", "expected", "found"),
    [
        (jwks({**EC, "d": "AAAA"}), "public keys alone", "private members"),
        (jwks({"kty": "oct", "k": "AAAA"}), "public keys alone", "private members"),
        (jwks(EC, without(RSA, "alg")), "alg in the key", "unpinned"),
        (jwks({**EC, "y": EC["x"]}), "a valid key", "malformed"),
        (jwks({**EC, "alg": "none"}), "signature algorithm", "unsupported"),
        (jwks({**EC, "alg": "HS256"}), "signature algorithm", "unsupported"),
        (jwks({**EC, "use": "enc"}), "use to be sig", "unsupported"),
        (jwks({**EC, "kid": "a"}, {**ED, "kid": "a"}), "different kids", "one kid"),
        (jwks(), "1 to 16 keys", "an empty list"),
        (jwks(*[EC] * 17), "1 to 16 keys", "a list of 17"),
        (jwks("x"), "a JWK", '"x"'),
        (jwks({"kty": [], "crv": {}}), "kty EC", "unsupported"),
        (json.dumps(EC).encode(), "1 to 16 keys", "no list of keys"),
        (b'{"keys":[],"keys":[]}', "without repeated members", "expected each member once"),
        (b"[]", "a JSON object", "expected one JSON object"),
        (b"{" + b" " * 65536, "at most 65536 bytes", "65537 bytes"),
    ],
)
def test_a_set_that_cannot_be_used_is_refused_whole(data: bytes, expected: str, found: str) -> None:
    with pytest.raises(ClientKeysRefused) as refused:
        client_key_set(data)
    assert expected in refused.value.expected
    assert found in refused.value.found


BLUEPRINT = parse_blueprint(
    b"""
    [issuer]
    url = "https://auth.example"
    [clients.one]
    auth = "private_key_jwt"
    jwks_file = "keys/one.json"
    [clients.two]
    auth = "private_key_jwt"
    jwks_file = "two.json"
    [clients.three]
    """
)


def test_each_named_file_is_read_once() -> None:
    files = {"keys/one.json": jwks(EC), "two.json": jwks(ED)}
    key_sets = read_key_sets(BLUEPRINT, files.pop)
    assert key_sets.keys() == {"one", "two"}
    assert not files


@requirement("R-51")
def test_problems_of_key_files_name_the_client_and_the_place_in_the_file() -> None:
    def read(path: str) -> bytes:
        if path == "two.json":
            raise FileNotFoundError(2, "No such file or directory")
        return jwks(ED, {**EC, "d": "c2VjcmV0"})

    with pytest.raises(BlueprintError) as refused:
        read_key_sets(BLUEPRINT, read)
    one, two = refused.value.problems
    assert (one.path, one.expected) == ("clients.one.jwks_file", "public keys alone")
    assert one.found == 'private members at keys[1] in "keys/one.json"'
    assert "out of use" in one.hint
    assert "c2VjcmV0" not in str(refused.value)
    assert (two.path, two.expected) == ("clients.two.jwks_file", "a readable JSON file")
    assert two.found == '"two.json": No such file or directory'
