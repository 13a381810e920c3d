"""Base64url without padding (RFC 7515 §2), read so that every value has exactly one spelling."""

from typing import Final

import msgspec

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Whatever is not in the alphabet (padding, white space, quotes, "+" and "/") becomes "!", which
# no base64 reader takes.
_TO_BASE64: Final = bytes(byte if byte in _ALPHABET else 0x21 for byte in range(256)).translate(
    bytes.maketrans(b"-_", b"+/")
)
_TO_BASE64URL: Final = bytes.maketrans(b"+/", b"-_")
# By length modulo 4: what closes the quoted base64 string. A length of 1 modulo 4 is impossible.
_CLOSING: Final = (b'"', b'!"', b'=="', b'="')
# The last character carries unused bits when the length is 2 or 3 modulo 4; they must be zero.
_CANONICAL_LAST: Final = (_ALPHABET, b"", b"AQgw", b"AEIMQUYcgkosw048")

# msgspec carries bytes as a base64 string. Its codec takes two thirds of the time of binascii's,
# and this is on the path of every token.
_DECODER: Final = msgspec.json.Decoder(bytes)
_ENCODER: Final = msgspec.json.Encoder()


def decode(segment: bytes) -> bytes:
    """Decode; raise ValueError on padding, foreign characters or a non-canonical last character."""
    if not segment:
        return b""
    remainder = len(segment) & 3
    if segment[-1] not in _CANONICAL_LAST[remainder]:
        raise ValueError("expected canonical base64url without padding")
    try:
        return _DECODER.decode(b'"' + segment.translate(_TO_BASE64) + _CLOSING[remainder])
    except msgspec.DecodeError:
        raise ValueError("expected base64url characters only") from None


def encode(data: bytes) -> bytes:
    """Encode without padding."""
    return _ENCODER.encode(data).translate(_TO_BASE64URL, b'"=')
