"""One ES256 verification as `cryptography` does it, all its arguments prepared: the yardstick."""

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tokenry.resource.testing import TestingIssuer

ES256 = ec.ECDSA(SHA256())


def public_key(issuer: TestingIssuer) -> ec.EllipticCurvePublicKey:
    """The key that the issuer's tokens are verified with."""
    public = issuer.token_keys[-1].public.to_jwk()
    x, y = (base64.urlsafe_b64decode(f"{public[name]}==") for name in ("x", "y"))
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)


def signature_and_data(token: str) -> tuple[bytes, bytes]:
    """What `verify` takes: the signature in DER, and the signing input."""
    data, _, segment = token.encode().rpartition(b".")
    raw = base64.urlsafe_b64decode(segment + b"==")
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    return encode_dss_signature(r, s), data
