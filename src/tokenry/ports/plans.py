"""What the store is asked to commit, and what it answers: plans and outcomes (G-2, G-4).

A plan says what must still be true, what to write, and the audit entries that go with it; the
store commits it whole or not at all. A lost race is an outcome, never an exception.

A plan may wait, and tokens are born meanwhile. `asked_at` is the clock reading on which all future
times of a plan rest. Inside the transaction the store takes the later of the database's clock and
its newest tick, and moves those times later by what has passed since `asked_at` (G-1): `expires`
(rounded up to seconds) and `floor_until` of revocations, `until` of ceilings, `activates_at` of
announced keys, `destroy_at` of retired ones. Nothing is ever moved earlier.
"""

import msgspec

from tokenry.audit.entry import AuditEntry
from tokenry.feed.record import RecordType
from tokenry.protocol.registry import Client, LifetimeCeiling, Operator, ResourceServer
from tokenry.protocol.signing_key import KeyState, SigningKey
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl, OperatorName, ResourceServerName
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import SequenceNumber


class ReplayClaim(msgspec.Struct, frozen=True):
    """A proof or assertion to be used once: 16-byte key, remembered at least until `until`."""

    key: bytes
    until: Instant


class ReferenceToken(msgspec.Struct, frozen=True, kw_only=True):
    """An opaque token as stored: SHA-256 of its value (32 bytes), and its claims as JSON bytes."""

    digest: bytes
    claims: bytes
    selectors: frozenset[Selector]
    rsn: SequenceNumber
    expires: int


class IssuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Issue a token, if the facts it was decided on still hold.

    It loses when a floor above `rsn` exists on one of `selectors` or the directory has moved past
    `directory` (both: read again and decide again), or when `claim` was made before.
    """

    issuer: IssuerUrl
    rsn: SequenceNumber
    directory: int
    selectors: frozenset[Selector]
    claim: ReplayClaim | None = None
    reference: ReferenceToken | None = None
    audit: AuditEntry


class Issued(msgspec.Struct, frozen=True):
    """Committed and durable: sign and send."""

    rsn: SequenceNumber


class ProofReplayed(msgspec.Struct, frozen=True):
    """The claim was made before, or its bucket has already been emptied (G-2). Nothing written."""


class FactsMoved(msgspec.Struct, frozen=True):
    """A revocation or a change of the directory came between. Nothing written; decide again."""


class PutClient(msgspec.Struct, frozen=True):
    """Write a client whole; the store refuses to overwrite one of another origin."""

    client: Client


class RemoveClient(msgspec.Struct, frozen=True):
    """Remove a client; unknown ids are not an error."""

    id: ClientId


class PutResourceServer(msgspec.Struct, frozen=True):
    """Write a resource server whole; raises the profile version."""

    resource_server: ResourceServer


class RemoveResourceServer(msgspec.Struct, frozen=True):
    """Remove a resource server; raises the profile version."""

    name: ResourceServerName


class PutOperator(msgspec.Struct, frozen=True):
    """Write an operator whole."""

    operator: Operator


class RemoveOperator(msgspec.Struct, frozen=True):
    """Remove an operator."""

    name: OperatorName


class PutCeiling(msgspec.Struct, frozen=True):
    """Write a ceiling, keyed by resource server and lifetime; raises the profile version."""

    ceiling: LifetimeCeiling


class PutKey(msgspec.Struct, frozen=True):
    """Write a signing key whole, if its stored state is `expected` (None: it is new)."""

    key: SigningKey
    expected: KeyState | None


Change = (
    PutClient
    | RemoveClient
    | PutResourceServer
    | RemoveResourceServer
    | PutOperator
    | RemoveOperator
    | PutCeiling
    | PutKey
)


class Idempotency(msgspec.Struct, frozen=True):
    """A caller's Idempotency-Key, scoped to the caller, and a digest of what was asked."""

    caller: str
    key: str
    request_digest: bytes
    until: Instant


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """One selector to revoke; `expires` is a NumericDate as `Record.expires` (G-1).

    The record that is written carries `expires` as moved by the wait of its plan.
    `repeatable` False: if a floor for the selector exists already, no new number is taken.
    `floor_until` is how long stored credentials are tested against it.
    """

    type: RecordType
    selector: Selector
    expires: int
    repeatable: bool
    floor_until: Instant


class RevokePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Revoke, together with the state changes that belong to it, in one transaction.

    It loses when the directory has moved past `directory`, or when `claim` was made before.
    """

    issuer: IssuerUrl
    asked_at: Instant
    revocations: tuple[Revocation, ...]
    changes: tuple[Change, ...] = ()
    directory: int | None = None
    idempotency: Idempotency | None = None
    claim: ReplayClaim | None = None
    audit: tuple[AuditEntry, ...]


class Revoked(msgspec.Struct, frozen=True):
    """Committed. `numbers` are those of the plan's revocations, in order.

    For a revocation that was not repeatable and already held, the earlier number stands.
    `fresh` says whether any new number was taken.
    """

    numbers: tuple[SequenceNumber, ...]
    fresh: bool


class IdempotencyMismatch(msgspec.Struct, frozen=True):
    """The same Idempotency-Key came with another request. Nothing written."""


class ChangePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Change the directory or keys, if the directory is still at `directory` (None: whatever)."""

    issuer: IssuerUrl
    asked_at: Instant
    changes: tuple[Change, ...]
    directory: int | None = None
    audit: tuple[AuditEntry, ...]


class Changed(msgspec.Struct, frozen=True):
    """Committed; the directory version after the change."""

    directory: int


class Recorded(msgspec.Struct, frozen=True):
    """Committed."""


IssueOutcome = Issued | ProofReplayed | FactsMoved
RevokeOutcome = Revoked | IdempotencyMismatch | ProofReplayed | FactsMoved
ChangeOutcome = Changed | FactsMoved
RecordOutcome = Recorded | ProofReplayed
