"""Wrapping private keys under a key-encryption key that lives in one file (G-5).

The file is the secret: who has it and the database has every signing key. It is made once, never
overwritten, readable by its owner alone, and belongs in another backup than the database.
"""

import os
import stat
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenry.jose import base64url
from tokenry.vocabulary.errors import SignerUnavailable
from tokenry.vocabulary.identifiers import SECRET_BYTES, Entropy, new_handle

KEY_FILE: Final = "key-encryption.key"
KEY_PREFIX: Final = "tkk_"
"""So that a scanner for leaked secrets can recognise it."""

_PERMISSIONS: Final = 0o600
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LARGEST_FILE: Final = 256

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class KeyFileRefused(SignerUnavailable):
    """The key-encryption key cannot be used; says why and what to do."""


class FileKeyWrapper:
    """The KeyWrapper port with AES-256-GCM: version 01 ‖ nonce 12 ‖ ciphertext and tag.

    Nonces are random: the few keys of an issuer stay far below what 96 random bits allow.
    """

    def __init__(self, key: bytes, *, path: Path, entropy: Entropy = os.urandom) -> None:
        self._cipher = AESGCM(key)
        self._path = path
        self._entropy = entropy

    @classmethod
    def open(cls, directory: Path, *, may_make: bool = True, entropy: Entropy = os.urandom) -> Self:
        """Read the key file in `directory`, and make it first if there is none and `may_make`.

        A new one opens no key that another has wrapped: where there are such keys, it may not be
        made. Of several processes that find none, one makes it and all read that one. Raises
        KeyFileRefused if it is missing, if others may read it, or if it holds no key.
        """
        path = directory / KEY_FILE
        try:
            if not path.exists():
                if not may_make:
                    raise KeyFileRefused(
                        f"{path} is missing, and no other file opens the signing keys in the"
                        " database: restore it from its backup"
                    )
                _create(path, entropy)
            return cls(_read(path), path=path, entropy=entropy)
        except OSError as error:
            raise KeyFileRefused(
                f"{path} cannot be read or made: {error.strerror or error}"
            ) from error

    def wrap(self, secret: bytes, *, associated: bytes) -> bytes:
        """Encrypt with authentication; `associated` must be given again to unwrap."""
        nonce = self._entropy(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, _VERSION + associated)

    def unwrap(self, wrapped: bytes, *, associated: bytes) -> bytes:
        """Decrypt. Raises SignerUnavailable if altered, or wrapped under another key or context."""
        if len(wrapped) < len(_VERSION) + _NONCE_BYTES + _TAG_BYTES or wrapped[:1] != _VERSION:
            raise SignerUnavailable("a wrapped key in the database is not in the form of one")
        nonce, ciphertext = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, _VERSION + associated)
        except InvalidTag as error:
            raise SignerUnavailable(
                f"{self._path} does not open a signing key of the database: either the file is not"
                " the one the database was made with (restore it), or the row was altered"
            ) from error


def _create(path: Path, entropy: Entropy) -> None:
    """Make the file whole or not at all, without replacing one that appears meanwhile."""
    text = f"{KEY_PREFIX}{base64url.encode(entropy(SECRET_BYTES)).decode('ascii')}\n"
    draft = path.with_name(f".{path.name}.{new_handle(entropy)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PERMISSIONS)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, never replaces: a key that is lost is every key lost.
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileRefused(f"{path} is not a regular file")
        if status.st_mode & _FOR_OTHERS:
            raise KeyFileRefused(
                f"{path} may be used by others (mode {stat.S_IMODE(status.st_mode):04o}, expected"
                f" 0600). If only you could have read it: chmod 600 {path}. Otherwise rotate every"
                " signing key"
            )
        content = file.read(_LARGEST_FILE + 1)
    text = content.removesuffix(b"\n")
    try:
        key = base64url.decode(text.removeprefix(KEY_PREFIX.encode()))
    except ValueError:
        key = b""
    if not text.startswith(KEY_PREFIX.encode()) or len(key) != SECRET_BYTES:
        raise KeyFileRefused(
            f"{path} holds no key: expected {KEY_PREFIX} and 43 base64url characters on one line."
            " Restore it from its backup; a new one cannot open the keys of this database"
        )
    return key
