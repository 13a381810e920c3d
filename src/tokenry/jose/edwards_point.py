"""Which 32 bytes are an Ed25519 public key worth having (RFC 8032 §5.1.3, §5.1.7).

OpenSSL looks at the point only when it verifies, and takes points of small order, under which
one signature fits many messages.
"""

from typing import Final

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
# y of the eight points whose order divides 8; the last two belong to the four of order 8.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


def is_sound_public_key(encoded: bytes) -> bool:
    """Say whether `encoded` (32 bytes) is the canonical form of a curve point of large order."""
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    if y >= _P or y in _SMALL_ORDER_Y:
        return False
    # x² = (y² − 1) / (d·y² + 1) must be a square; the sign bit then chooses between two roots.
    # Numerator times denominator is a square exactly when their quotient is.
    square = (y * y - 1) * (_D * y * y + 1) % _P
    return pow(square, (_P - 1) // 2, _P) == 1
