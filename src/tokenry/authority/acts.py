"""Who does something, under which trace and Idempotency-Key: what every administrative act has."""

from hashlib import sha256

import msgspec

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.revocation import IDEMPOTENCY_KEPT, MAX_IDEMPOTENCY_KEY
from tokenry.ports.plans import Idempotency, Revocation
from tokenry.vocabulary.errors import InvalidRequest, Overloaded
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Instant, later
from tokenry.vocabulary.selectors import SelectorKind


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """An act of `actor` (`operator:NAME`)."""

    actor: str
    trace: TraceId
    idempotency_key: str | None = None

    def entry(
        self, event: AuditEvent, *, issuer: IssuerUrl, at: Instant, detail: dict[str, str | int]
    ) -> AuditEntry:
        """Return an audit entry of this act."""
        return AuditEntry(
            at=at, event=event, issuer=issuer, actor=self.actor, trace=self.trace, detail=detail
        )

    def revocation_entry(
        self,
        kind: SelectorKind,
        value: str,
        revocation: Revocation,
        *,
        issuer: IssuerUrl,
        at: Instant,
    ) -> AuditEntry:
        """Return the audit entry of a revocation that is a part of this act."""
        detail: dict[str, str | int] = {
            "kind": kind.value,
            "id": value,
            "selector": revocation.selector.hex(),
        }
        return self.entry(AuditEvent.REVOKED, issuer=issuer, at=at, detail=detail)

    def idempotency(self, asked: object, *, now: Instant) -> Idempotency | None:
        """Return what the store needs to recognise a repeat of what was `asked`, a JSON value.

        Raises InvalidRequest for a malformed Idempotency-Key.
        """
        key = self.idempotency_key
        if key is None:
            return None
        if not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()):
            raise InvalidRequest(
                because="malformed Idempotency-Key",
                description=f"Idempotency-Key is 1 to {MAX_IDEMPOTENCY_KEY} ASCII characters.",
            )
        return Idempotency(
            caller=self.actor,
            key=key,
            request_digest=sha256(msgspec.json.encode(asked, order="deterministic")).digest(),
            until=later(now, IDEMPOTENCY_KEPT),
        )


def overtaken(what: str) -> Overloaded:
    """Return the error of an act that lost every race: each was somebody else's success."""
    return Overloaded(f"the line of changes before {what}")
