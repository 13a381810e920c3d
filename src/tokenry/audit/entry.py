"""One audit entry: what happened, to whom, why, under which trace (R-60)."""

from enum import StrEnum

import msgspec

from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Instant


class AuditEvent(StrEnum):
    """Everything that leaves an entry."""

    TOKEN_ISSUED = "token.issued"
    TOKEN_REFUSED = "token.refused"
    REVOKED = "revoked"
    REVOCATION_REFUSED = "revocation.refused"
    CLIENT_ADDED = "client.added"
    CLIENT_CHANGED = "client.changed"
    CLIENT_SUSPENDED = "client.suspended"
    CLIENT_RESUMED = "client.resumed"
    CLIENT_REMOVED = "client.removed"
    SECRET_ROTATED = "client.secret_rotated"
    RESOURCE_SERVER_ADDED = "resource_server.added"
    RESOURCE_SERVER_CHANGED = "resource_server.changed"
    RESOURCE_SERVER_REMOVED = "resource_server.removed"
    OPERATOR_ADDED = "operator.added"
    OPERATOR_CHANGED = "operator.changed"
    OPERATOR_REMOVED = "operator.removed"
    BLUEPRINT_APPLIED = "blueprint.applied"
    KEY_CREATED = "key.created"
    KEY_CHANGED = "key.changed"
    REQUEST_REFUSED = "request.refused"
    ADMIN_REFUSED = "admin.refused"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry as written. `actor` is `client:ID`, `operator:NAME` or `authority`.

    `detail` holds ids and reasons only: never a token, a secret or raw personal data (G-6).
    """

    at: Instant
    event: AuditEvent
    issuer: IssuerUrl
    actor: str
    trace: TraceId
    because: str = ""
    detail: dict[str, str | int] = {}


_ENCODER = msgspec.json.Encoder()


def encode_entry(entry: AuditEntry) -> bytes:
    """Return the bytes that are stored and become the Merkle leaf: compact JSON, fixed order."""
    return _ENCODER.encode(entry)


def decode_entry(data: bytes) -> AuditEntry:
    """Parse stored bytes. Raises msgspec.ValidationError when they are not an entry."""
    return msgspec.json.decode(data, type=AuditEntry)
