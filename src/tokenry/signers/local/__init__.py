"""Keys in this process's memory; at rest wrapped under a key file beside the database (G-5).

Owns generation, wrapping and signing with ES256, Ed25519 and RS256. Keeps nothing on disk but the
key-encryption key: the wrapped keys are the store's. Read `signer`, then `file_key_wrapper`.
"""

from tokenry.signers.local.file_key_wrapper import FileKeyWrapper, KeyFileRefused
from tokenry.signers.local.signer import LocalSigner

__all__ = ["FileKeyWrapper", "KeyFileRefused", "LocalSigner"]
