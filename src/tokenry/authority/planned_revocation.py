"""What every revocation writes, whoever asks for it: its part of a plan, and its audit entry."""

from typing import Final

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.feed.record import RecordType
from tokenry.ports.plans import Revocation
from tokenry.protocol.revocation import SelectorRevocation
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SelectorKind

ATTEMPTS: Final = 4
"""Times that a revocation is decided: the first rests on a version of the directory, so that its
record is kept no longer than needed; the others need none, and lose only to a key's state."""


def planned(revocation: SelectorRevocation) -> Revocation:
    """Return a revocation as the store takes it."""
    key = revocation.kind is SelectorKind.KEY
    return Revocation(
        type=RecordType.KEY if key else RecordType.SELECTOR,
        selector=revocation.selector,
        expires=revocation.expires,
        repeatable=revocation.repeatable,
        floor_until=revocation.floor_until,
    )


def revoked_entry(
    revocation: SelectorRevocation,
    id_: str,
    *,
    issuer: IssuerUrl,
    actor: str,
    at: Instant,
    trace: TraceId,
) -> AuditEntry:
    """Return the entry that says what was revoked, and by whom."""
    return AuditEntry(
        at=at,
        event=AuditEvent.REVOKED,
        issuer=issuer,
        actor=actor,
        trace=trace,
        detail={
            "kind": revocation.kind.value,
            "id": id_,
            "selector": revocation.selector.hex(),
        },
    )
