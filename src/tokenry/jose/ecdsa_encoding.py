"""ECDSA signatures between JOSE's r ‖ s (RFC 7518 §3.4) and the DER that OpenSSL speaks.

Written out by hand because the general library functions go through Python integers and cost
three microseconds of every token; they still take the rare case.
"""

from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

# By size: tag and length of an integer, and the same for one that needs a leading zero byte.
_INTEGER_OPENINGS: Final = MappingProxyType(
    {size: (bytes((2, size)), bytes((2, size + 1, 0))) for size in (32, 48)}
)


def der_from_raw(raw: bytes, size: int) -> bytes:
    """Turn r ‖ s, `size` (32 or 48) bytes each, into DER.

    The caller has checked `len(raw) == 2 * size`. One byte holds every length at these sizes.
    """
    first, second = raw[0], raw[size]
    if first == 0 or second == 0:
        return encode_dss_signature(
            int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")
        )
    # DER integers are signed: a set top bit asks for a zero byte before it.
    plain, widened = _INTEGER_OPENINGS[size]
    body = (
        (widened if first & 0x80 else plain)
        + raw[:size]
        + (widened if second & 0x80 else plain)
        + raw[size:]
    )
    return bytes((0x30, len(body))) + body


def raw_from_der(der: bytes, size: int) -> bytes:
    """Turn DER that OpenSSL has just made into r ‖ s. Not for DER from outside."""
    end_of_r = 4 + der[3]
    r, s = der[4:end_of_r], der[end_of_r + 2 :]
    return r[-size:].rjust(size, b"\0") + s[-size:].rjust(size, b"\0")
