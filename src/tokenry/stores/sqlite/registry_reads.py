"""Reads of the directory, keys, opaque tokens, floors and audit entries."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tokenry.ports.plans import ReferenceToken
from tokenry.ports.store import Sighted, StoredAuditEntry
from tokenry.protocol.registry import Client, Directory, LifetimeCeiling, Operator, ResourceServer
from tokenry.protocol.signing_key import SigningKey
from tokenry.stores.sqlite.audit_rows import first_row, last_row
from tokenry.stores.sqlite.feed_reads import unknown_issuer
from tokenry.stores.sqlite.reader import Reader
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl
from tokenry.vocabulary.selectors import SELECTOR_BYTES, Selector
from tokenry.vocabulary.sequence import SequenceNumber

_decode_client = msgspec.json.Decoder(Client).decode
_decode_resource_server = msgspec.json.Decoder(ResourceServer).decode
_decode_operator = msgspec.json.Decoder(Operator).decode
_decode_ceiling = msgspec.json.Decoder(LifetimeCeiling).decode
_decode_key = msgspec.json.Decoder(SigningKey).decode

_MOST_SELECTORS: Final = 64
_FLOORS_ABOVE: Final = "SELECT 1 FROM floor WHERE issuer = ? AND before > ? AND selector IN"


def _only(rows: list[tuple[Any, ...]], issuer: IssuerUrl) -> tuple[Any, ...]:
    if not rows:
        raise unknown_issuer(issuer)
    return rows[0]


def _issuer_id(reader: Reader, issuer: IssuerUrl) -> int:
    # Issuers are never removed, so this need not be in the snapshot of what follows.
    found: int = _only(reader.rows("SELECT id FROM head WHERE issuer = ?", issuer), issuer)[0]
    return found


def read_client(reader: Reader, issuer: IssuerUrl, client_id: ClientId) -> Sighted[Client | None]:
    """Read a client and the head it was read at, in one snapshot."""
    rows = reader.rows(
        "SELECT head.seq, head.directory, client.document FROM head"
        " LEFT JOIN client ON client.issuer = head.id AND client.id = ? WHERE head.issuer = ?",
        client_id,
        issuer,
    )
    seq, directory, document = _only(rows, issuer)
    client = None if document is None else _decode_client(document)
    return Sighted(client, seq, directory)


def read_clients(
    reader: Reader, issuer: IssuerUrl, after: ClientId | None, limit: int
) -> tuple[Client, ...]:
    """Read clients in the order of their ids."""
    rows = reader.rows(
        "SELECT document FROM client WHERE issuer = ? AND id > ? ORDER BY id LIMIT ?",
        _issuer_id(reader, issuer),
        after or "",
        limit,
    )
    return tuple(_decode_client(document) for (document,) in rows)


def read_directory(reader: Reader, issuer: IssuerUrl) -> Sighted[Directory]:
    """Read everything but clients and the head it was read at, in one snapshot."""
    with reader.snapshot() as snapshot:
        rows = snapshot.rows("SELECT id, seq, directory FROM head WHERE issuer = ?", issuer)
        issuer_id, seq, version = _only(rows, issuer)
        resource_servers = snapshot.rows(
            "SELECT document FROM resource_server WHERE issuer = ? ORDER BY name", issuer_id
        )
        operators = snapshot.rows(
            "SELECT document FROM operator WHERE issuer = ? ORDER BY name", issuer_id
        )
        ceilings = snapshot.rows(
            "SELECT document FROM ceiling WHERE issuer = ? ORDER BY resource_server, lifetime",
            issuer_id,
        )
    directory = Directory(
        resource_servers=tuple(_decode_resource_server(each) for (each,) in resource_servers),
        operators=tuple(_decode_operator(each) for (each,) in operators),
        ceilings=tuple(_decode_ceiling(each) for (each,) in ceilings),
    )
    return Sighted(directory, seq, version)


def read_signing_keys(reader: Reader, issuer: IssuerUrl) -> tuple[SigningKey, ...]:
    """Read all keys, oldest first."""
    rows = reader.rows(
        "SELECT document FROM signing_key WHERE issuer = ? ORDER BY announced_at, kid",
        _issuer_id(reader, issuer),
    )
    return tuple(_decode_key(document) for (document,) in rows)


def read_reference(
    reader: Reader, issuer: IssuerUrl, digest: bytes
) -> Sighted[ReferenceToken | None]:
    """Read an opaque token and the head it was read at, in one snapshot."""
    rows = reader.rows(
        "SELECT head.seq, head.directory, token.claims, token.selectors, token.rsn, token.expires"
        " FROM head LEFT JOIN reference_token AS token"
        " ON token.issuer = head.id AND token.digest = ? WHERE head.issuer = ?",
        digest,
        issuer,
    )
    seq, directory, claims, selectors, rsn, expires = _only(rows, issuer)
    if claims is None:
        return Sighted(None, seq, directory)
    token = ReferenceToken(
        digest=digest,
        claims=claims,
        selectors=frozenset(_split(selectors)),
        rsn=rsn,
        expires=expires,
    )
    return Sighted(token, seq, directory)


def _split(selectors: bytes) -> Iterable[Selector]:
    for at in range(0, len(selectors), SELECTOR_BYTES):
        yield Selector(selectors[at : at + SELECTOR_BYTES])


def read_is_revoked(
    reader: Reader, issuer: IssuerUrl, selectors: frozenset[Selector], rsn: SequenceNumber
) -> bool:
    """Say whether one of the selectors has a floor above `rsn`."""
    issuer_id = _issuer_id(reader, issuer)
    wanted = list(selectors)
    for start in range(0, len(wanted), _MOST_SELECTORS):
        some = wanted[start : start + _MOST_SELECTORS]
        rows = reader.rows(
            f"{_FLOORS_ABOVE} ({', '.join('?' * len(some))}) LIMIT 1", issuer_id, rsn, *some
        )
        if rows:
            return True
    return False


def read_audit_entries(
    reader: Reader, issuer: IssuerUrl, after: int, limit: int
) -> tuple[StoredAuditEntry, ...]:
    """Read audit entries in the order of their commits."""
    issuer_id = _issuer_id(reader, issuer)
    first = first_row(issuer_id)
    rows = reader.rows(
        "SELECT id, entry, leaf FROM audit WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        first + after,
        last_row(issuer_id),
        limit,
    )
    return tuple(StoredAuditEntry(row - first, entry, leaf) for row, entry, leaf in rows)


def read_last_audit_id(reader: Reader, issuer: IssuerUrl) -> int:
    """Read the highest number of an issuer's entries, 0 when there is none."""
    issuer_id = _issuer_id(reader, issuer)
    first = first_row(issuer_id)
    rows = reader.rows(
        "SELECT max(id) FROM audit WHERE id > ? AND id <= ?", first, last_row(issuer_id)
    )
    last: int = rows[0][0] or first
    return last - first
