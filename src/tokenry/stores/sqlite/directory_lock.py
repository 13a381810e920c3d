"""One process per data directory: an advisory lock held for as long as the store is open."""

import fcntl
import os
from pathlib import Path

from tokenry.vocabulary.errors import StoreUnavailable

LOCK_FILE = "store.lock"


class StoreInUse(StoreUnavailable):
    """Another process holds the data directory."""


class DirectoryLock:
    """An exclusive lock on a directory, given up by `release` or by the end of the process."""

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises StoreInUse if it is held, also when this same process holds it."""
        path = directory / LOCK_FILE
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot open {path}: {error.strerror}; the data directory must be writable"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # For the message of whoever comes second; the lock itself does not depend on it.
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, str(os.getpid()).encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace") or "unknown"
            os.close(self._file)
            raise StoreInUse(
                f"{directory} is in use by process {holder}: only one authority may serve a data"
                " directory. Stop that process, or choose another directory with --data."
            ) from error
        except OSError as error:
            os.close(self._file)
            raise StoreUnavailable(f"cannot lock {path}: {error.strerror}") from error

    def release(self) -> None:
        """Give the directory free. The file stays: removing it would let two processes in."""
        os.close(self._file)
