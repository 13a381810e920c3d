"""Snapshots: all live records at one number, for who starts cold or has a hole (G-1).

    manifest JWS ‖ 0A ‖ profile JWS ‖ 0A ‖ records, 41 bytes each, ascending

Loading one is a pure function, for a thread: a million records take about a second.
"""

from hashlib import sha256

import msgspec

from tokenry.feed.chain import ChainHead
from tokenry.feed.document import (
    VERSION,
    Epoch,
    Number,
    read_bytes,
    read_chain_value,
    read_document,
    write_document,
)
from tokenry.feed.packed_records import require_records, sequence_numbers
from tokenry.feed.record import RECORD_BYTES
from tokenry.feed.refusals import ExceedsCapacity, FeedRefused
from tokenry.feed.revocation_table import KeptRecords, RevocationTable
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES
from tokenry.vocabulary.identifiers import IssuerUrl, encode_base64url
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant, Seconds
from tokenry.vocabulary.sequence import SequenceNumber


class _ManifestDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    iss: str
    epoch: Epoch
    last: Number
    chain: str
    closed: Number
    profiles: Number
    count: Number
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed of a snapshot: where it stands, and which records it has. Verified.

    `digest` is the SHA-256 of the `count` records as they travel.
    """

    issuer: IssuerUrl
    head: ChainHead
    closed: Instant
    profiles: int
    count: int
    digest: bytes

    def to_payload(self) -> bytes:
        """Return the bytes to sign, under typ `tokenry-snapshot+jws`."""
        return write_document(
            _ManifestDocument(
                iss=self.issuer,
                epoch=self.head.epoch,
                last=self.head.last,
                chain=encode_base64url(self.head.chain),
                closed=self.closed,
                profiles=self.profiles,
                count=self.count,
                sha256=encode_base64url(self.digest),
            )
        )


class SnapshotBody(msgspec.Struct, frozen=True):
    """The three parts of a snapshot; nothing of them is verified."""

    manifest: bytes
    profile: bytes
    records: bytes

    def to_bytes(self) -> bytes:
        """Return the body of the answer."""
        return b"\n".join((self.manifest, self.profile, self.records))


class Predecessor(msgspec.Struct, frozen=True):
    """What a view knew at one version: `RevocationView.predecessor` returns it."""

    version: int
    leeway: Seconds
    kept: KeptRecords


class LoadedSnapshot(msgspec.Struct, frozen=True):
    """A snapshot whose records are those of its manifest, ready to be installed once.

    `table` has what the view knew at its version `merged` as well; None: the view merges it.
    """

    manifest: Manifest
    table: RevocationTable
    merged: int | None


def manifest_of(
    issuer: IssuerUrl, head: ChainHead, records: bytes, *, closed: Instant, profiles: int
) -> Manifest:
    """Describe live records, 41 bytes each, ascending. Raises FeedRefused if they are not that."""
    _require_ascending(records, head)
    return Manifest(
        issuer=issuer,
        head=head,
        closed=closed,
        profiles=profiles,
        count=len(records) // RECORD_BYTES,
        digest=sha256(records).digest(),
    )


def largest_body(capacity: int) -> int:
    """Return how many bytes a snapshot has that a view of this capacity can hold, at most."""
    return 2 * (MAX_TOKEN_BYTES + 1) + capacity * RECORD_BYTES


def split_snapshot(body: bytes) -> SnapshotBody:
    """Take the body apart. Raises FeedRefused."""
    manifest_end = body.find(b"\n", 0, MAX_TOKEN_BYTES + 1)
    profile_end = body.find(b"\n", manifest_end + 1, manifest_end + MAX_TOKEN_BYTES + 2)
    if manifest_end < 0 or profile_end < 0:
        raise FeedRefused("expected a manifest, a profile and records")
    return SnapshotBody(
        body[:manifest_end], body[manifest_end + 1 : profile_end], body[profile_end + 1 :]
    )


def parse_manifest(verified_payload: bytes) -> Manifest:
    """Read a manifest whose signature was verified. Raises FeedRefused."""
    document = read_document(verified_payload, _ManifestDocument)
    head = ChainHead(SequenceNumber(document.last), read_chain_value(document.chain))
    if head.epoch != document.epoch:
        raise FeedRefused("expected last in the manifest's epoch")
    return Manifest(
        issuer=IssuerUrl(document.iss),
        head=head,
        closed=Instant(document.closed),
        profiles=document.profiles,
        count=document.count,
        digest=read_bytes(document.sha256, "sha256"),
    )


def load_snapshot(
    manifest: Manifest, records: bytes, *, capacity: int, predecessor: Predecessor | None = None
) -> LoadedSnapshot:
    """Build what a view of this capacity installs. Takes its time: call it in a thread.

    What the view knew, its `predecessor`, stays until it expires, so that a snapshot of another
    history brings nothing back; given here, it costs the thread's time and not the view's.
    Raises FeedRefused if the records are not those of the manifest, ExceedsCapacity if all
    together are more than `capacity`.
    """
    if manifest.count > capacity:
        raise ExceedsCapacity(f"expected at most {capacity} live revocations")
    if len(records) != manifest.count * RECORD_BYTES:
        raise FeedRefused("expected as many records as the manifest counts")
    if sha256(records).digest() != manifest.digest:
        raise FeedRefused("expected the records that the manifest names by their SHA-256")
    _require_ascending(records, manifest.head)
    table = RevocationTable(capacity=capacity)
    table.put_records(records)
    if predecessor is None:
        return LoadedSnapshot(manifest, table, merged=None)
    table.merge(predecessor.kept, limit=expiry_limit(manifest.closed, predecessor.leeway))
    return LoadedSnapshot(manifest, table, merged=predecessor.version)


def expiry_limit(closed: Instant, leeway: Seconds) -> int:
    """Return the NumericDate before which a record's `expires` is past, by the signed clock."""
    return closed // MILLISECONDS_PER_SECOND - leeway


def _require_ascending(records: bytes, head: ChainHead) -> None:
    require_records(records)
    last = -1
    for number in sequence_numbers(records):
        if number <= last:
            raise FeedRefused("expected records in ascending order")
        last = number
    if last > head.last:
        raise FeedRefused("expected records up to the snapshot's last number")
