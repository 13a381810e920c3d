"""What became of a verified frame, heartbeat or snapshot: outcomes of the view, not errors (G-1).

`alarm` says whether a person must look. All but Applied, AlreadyKnown and Installed leave every
record of the view as it was.
"""

from enum import StrEnum
from typing import ClassVar

import msgspec

from tokenry.vocabulary.sequence import SequenceNumber


class ViewState(StrEnum):
    """Whether the view may be asked at all. Only `SYNCHRONIZED` allows anything."""

    NEVER_SYNCHRONIZED = "never_synchronized"
    SYNCHRONIZED = "synchronized"
    DISTRUSTED = "distrusted"
    """Two histories were signed; a snapshot that is not older brings trust back."""
    FULL = "full"
    """More live records than the capacity; a snapshot that fits brings the view back."""


class Applied(msgspec.Struct, frozen=True):
    """`count` new records, 1 or more, are in the view."""

    alarm: ClassVar[bool] = False
    count: int


class AlreadyKnown(msgspec.Struct, frozen=True):
    """Nothing new in it; at the view's own head it made the view fresher."""

    alarm: ClassVar[bool] = False


class Installed(msgspec.Struct, frozen=True):
    """The snapshot is the view now, together with what only the view knew; `count` live records."""

    alarm: ClassVar[bool] = False
    count: int


class Gap(msgspec.Struct, frozen=True):
    """Records after `after` exist that the view lacks: fetch the range."""

    alarm: ClassVar[bool] = False
    after: SequenceNumber


class SnapshotNeeded(msgspec.Struct, frozen=True):
    """In this state only a snapshot helps."""

    alarm: ClassVar[bool] = False
    state: ViewState


class UnknownEpoch(msgspec.Struct, frozen=True):
    """An operator has opened a later epoch: load a snapshot of it. Until then the view ages."""

    alarm: ClassVar[bool] = False
    epoch: int


class Backwards(msgspec.Struct, frozen=True):
    """A head below the view's, ignored. An alarm if it was stated later than the view's was.

    Without the alarm another node lags; with it, a database was set back.
    """

    last: SequenceNumber
    alarm: bool


class ChainMismatch(msgspec.Struct, frozen=True):
    """Another chain value at number `at`, which the view knows: trust has lapsed."""

    alarm: ClassVar[bool] = True
    at: SequenceNumber


class ViewFull(msgspec.Struct, frozen=True):
    """It would not fit; the view is full and allows nothing until a snapshot fits (G-8)."""

    alarm: ClassVar[bool] = True
    capacity: int


class NotOurs(msgspec.Struct, frozen=True):
    """It speaks of other issuers only."""

    alarm: ClassVar[bool] = False


FrameOutcome = (
    Applied
    | AlreadyKnown
    | Gap
    | SnapshotNeeded
    | UnknownEpoch
    | Backwards
    | ChainMismatch
    | ViewFull
    | NotOurs
)
SnapshotOutcome = Installed | AlreadyKnown | Backwards | ChainMismatch | ViewFull | NotOurs
