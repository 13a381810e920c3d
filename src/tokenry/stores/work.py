"""Everything a committer can be given: the port's plans, and the store's own errands."""

import msgspec

from tokenry.audit.entry import AuditEntry
from tokenry.ports.plans import (
    ChangeOutcome,
    ChangePlan,
    IssueOutcome,
    IssuePlan,
    RecordOutcome,
    ReplayClaim,
    RevokeOutcome,
    RevokePlan,
)
from tokenry.ports.store import Purged
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant


class RecordEntries(msgspec.Struct, frozen=True):
    """Commit audit entries that stand for themselves, and a claim within the first one's issuer."""

    entries: tuple[AuditEntry, ...]
    claim: ReplayClaim | None = None


class CreateIssuer(msgspec.Struct, frozen=True):
    """Make an issuer's head row if there is none."""

    issuer: IssuerUrl


class Tick(msgspec.Struct, frozen=True):
    """Commit the database's clock."""


class PurgeRows(msgspec.Struct, frozen=True):
    """Remove what the newest tick has outlived, at most `limit` rows of each kind."""

    limit: int


Errand = CreateIssuer | Tick | PurgeRows
"""Asked for by the authority itself, one at a time: no queue bound applies, so that an overload
of requests cannot stop ticks and let every verifier grow stale (G-1, G-8)."""

Work = IssuePlan | RevokePlan | ChangePlan | RecordEntries | Errand

Answer = (
    IssueOutcome
    | RevokeOutcome
    | ChangeOutcome
    | RecordOutcome
    | Instant
    | Purged
    | Exception
    | None
)
"""What one piece of work came to; an exception is raised to whoever asked, and to nobody else."""
