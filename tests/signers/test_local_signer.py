"""The local signer: signatures that the published key verifies, and keys bound to their place."""

import itertools

import msgspec
import pytest

from support.requirement import requirement
from tokenry.jose import Algorithm, parse_object, parse_public_jwk
from tokenry.protocol.signing_key import KeyState, KeyUse, SigningKey
from tokenry.signers.local import FileKeyWrapper, LocalSigner
from tokenry.signers.local.signer import ALGORITHMS, associated_data
from tokenry.vocabulary.errors import SignerUnavailable
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId
from tokenry.vocabulary.instant import Instant

ISSUER = IssuerUrl("https://auth.example")
OTHER = IssuerUrl("https://other.example")


@pytest.fixture
def signer(tmp_path):
    return LocalSigner(FileKeyWrapper.open(tmp_path))


def stored(material, *, use=KeyUse.TOKEN, algorithm="ES256", state=KeyState.ACTIVE):
    return SigningKey(
        kid=material.kid,
        use=use,
        algorithm=algorithm,
        state=state,
        announced_at=Instant(0),
        activates_at=Instant(0),
        public_jwk=material.public_jwk,
        wrapped_private=material.wrapped_private,
    )


@requirement("R-05", "RFC 7638 §3")
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
async def test_a_signature_verifies_under_the_published_key_named_by_its_thumbprint(
    signer, algorithm
):
    material = signer.create(ISSUER, use=KeyUse.TOKEN, algorithm=algorithm)
    signer.hold(ISSUER, [stored(material, algorithm=algorithm)])
    signature = await signer.sign(material.kid, b"header.payload")
    public = parse_public_jwk(parse_object(material.public_jwk), algorithm=Algorithm(algorithm))
    assert public.thumbprint == material.kid == public.kid
    assert public.verify(signature, b"header.payload")
    assert not public.verify(signature, b"header.payloae")


def test_rsa_keys_have_at_least_2048_bits(signer):
    material = signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="RS256")
    public = parse_public_jwk(parse_object(material.public_jwk))
    assert len(public.members["n"]) * 6 >= 2048


@requirement("G-5")
@pytest.mark.parametrize(
    "moved",
    [
        lambda key, other: (OTHER, key),
        lambda key, other: (ISSUER, msgspec.structs.replace(key, use=KeyUse.FEED)),
        lambda key, other: (ISSUER, msgspec.structs.replace(key, kid=other.kid)),
        lambda key, other: (
            ISSUER,
            msgspec.structs.replace(key, wrapped_private=other.wrapped_private),
        ),
    ],
    ids=["to another issuer", "to another use", "to another kid", "another's private part"],
)
def test_a_wrapped_key_that_was_moved_in_the_database_does_not_open(signer, moved):
    key = stored(signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="ES256"))
    other = stored(signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="ES256"))
    signer.hold(ISSUER, [other])
    issuer, altered = moved(key, other)
    fresh = LocalSigner(signer._wrapper)
    with pytest.raises(SignerUnavailable):
        fresh.hold(issuer, [altered])


@requirement("G-5")
def test_a_key_is_opened_under_its_own_algorithm_only(signer):
    key = stored(signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="ES256"), algorithm="Ed25519")
    with pytest.raises(SignerUnavailable):
        signer.hold(ISSUER, [key])


def test_associated_data_of_different_places_differs():
    parts = ["", "a", "ab", "b", "a\0", "\0a"]
    places = [
        associated_data(IssuerUrl(issuer), KeyId(kid), use)
        for issuer, kid, use in itertools.product(parts, parts, KeyUse)
    ]
    assert len(set(places)) == len(places)


@requirement("R-05")
async def test_a_key_that_is_no_longer_named_cannot_sign(signer):
    first = stored(signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="ES256"))
    second = stored(signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="ES256"))
    signer.hold(ISSUER, [first, second])
    signer.hold(ISSUER, [second, msgspec.structs.replace(first, state=KeyState.DESTROYED)])
    assert await signer.sign(second.kid, b"input")
    with pytest.raises(SignerUnavailable):
        await signer.sign(first.kid, b"input")


async def test_the_keys_of_another_issuer_stay_held(signer):
    key = stored(signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="ES256"))
    signer.hold(ISSUER, [key])
    signer.hold(OTHER, [])
    assert await signer.sign(key.kid, b"input")


async def test_when_one_key_does_not_open_what_was_held_is_held_still(signer):
    key = stored(signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="ES256"))
    signer.hold(ISSUER, [key])
    broken = stored(signer.create(OTHER, use=KeyUse.TOKEN, algorithm="ES256"))
    with pytest.raises(SignerUnavailable):
        signer.hold(ISSUER, [key, broken])
    assert await signer.sign(key.kid, b"input")


def test_an_algorithm_it_does_not_know_is_refused(signer):
    with pytest.raises(SignerUnavailable, match="HS256"):
        signer.create(ISSUER, use=KeyUse.TOKEN, algorithm="HS256")
