"""Compact JWS, JWK and key sets: strict, thin and pure.

Owns the bytes of every signed object: how it is encoded, which algorithms and keys exist, and in
which order a verifier looks. Refuses everything that has two readings: duplicate members,
non-canonical base64url, critical extensions, an `alg` that is not the key's own, an unexpected
`typ`. Knows no claims, no clock, no network and no trust: callers bring the key and judge what
the payload says. Encryption and symmetric algorithms are not here.

Read `compact` next, from top to bottom; then `header`, `jwk`, `algorithms`.
"""

from tokenry.jose.algorithms import Algorithm, DeprecatedName
from tokenry.jose.compact import (
    UnverifiedJws,
    VerifiedJws,
    attach,
    parse_compact,
    sign_compact,
    signing_input,
    verify_compact,
)
from tokenry.jose.header import Header, HeaderCache, header_segment
from tokenry.jose.jwk import PublicKey, parse_public_jwk
from tokenry.jose.key_set import KeySet
from tokenry.jose.media_type import UNSAFE_ANY_TYPE, AcceptedTypes, ExpectedType, one_of
from tokenry.jose.private_key import PrivateKey
from tokenry.jose.refusals import (
    JwsRefused,
    KeyFault,
    KeyRefused,
    KeySetRefused,
    RefusalReason,
)
from tokenry.jose.strict_json import MalformedJson, parse_object

__all__ = [
    "UNSAFE_ANY_TYPE",
    "AcceptedTypes",
    "Algorithm",
    "DeprecatedName",
    "ExpectedType",
    "Header",
    "HeaderCache",
    "JwsRefused",
    "KeyFault",
    "KeyRefused",
    "KeySet",
    "KeySetRefused",
    "MalformedJson",
    "PrivateKey",
    "PublicKey",
    "RefusalReason",
    "UnverifiedJws",
    "VerifiedJws",
    "attach",
    "header_segment",
    "one_of",
    "parse_compact",
    "parse_object",
    "parse_public_jwk",
    "sign_compact",
    "signing_input",
    "verify_compact",
]
