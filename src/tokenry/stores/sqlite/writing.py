"""Write what was decided: state, numbers, chain, audit entries (G-1, G-4)."""

from tokenry.ports.plans import Changed, ChangePlan, Issued, Revoked, RevokePlan
from tokenry.stores.lateness import as_of_commit
from tokenry.stores.numbering import number_revocations
from tokenry.stores.sqlite.changing import make_changes
from tokenry.stores.sqlite.deciding import Alteration, Issuance
from tokenry.stores.sqlite.open_batch import HeadRow, OpenBatch
from tokenry.stores.work import Answer, RecordEntries


def write_plan(batch: OpenBatch, standing: Issuance | Alteration) -> Answer:
    """Write a plan that stands, and return its outcome."""
    head = standing.head
    if isinstance(standing, Issuance):
        issuing = standing.plan
        if issuing.reference is not None:
            batch.add_reference(head, issuing.reference)
        batch.add_audit(head, issuing.audit)
        return Issued(issuing.rsn)
    if standing.earlier is not None:
        return standing.earlier
    plan, now = standing.plan, batch.now()
    if isinstance(plan, RevokePlan):
        return _revoke(batch, head, as_of_commit(plan, now=now))
    return _change(batch, head, as_of_commit(plan, now=now))


def record_entries(batch: OpenBatch, work: RecordEntries) -> Answer:
    """Append entries that stand for themselves; all of them or, for an unknown issuer, none."""
    try:
        heads = [batch.head(entry.issuer) for entry in work.entries]
    except LookupError as unknown_issuer:
        return unknown_issuer
    for head, entry in zip(heads, work.entries, strict=True):
        batch.add_audit(head, entry)
    return None


def _revoke(batch: OpenBatch, head: HeadRow, plan: RevokePlan) -> Revoked:
    make_changes(batch.connection, head, plan.changes)
    numbered = number_revocations(
        plan.revocations, seq=head.seq, chain=head.chain, floors=batch.floors(head.id)
    )
    for each in numbered.fresh:
        batch.add_record(head, each)
    if numbered.fresh:
        head.seq, head.chain, head.has_moved = numbered.seq, numbered.chain, True
    revoked = Revoked(numbered.numbers, fresh=bool(numbered.fresh))
    if plan.idempotency is not None:
        batch.add_idempotency(head, plan.idempotency, revoked)
    batch.add_audit(head, *plan.audit)
    return revoked


def _change(batch: OpenBatch, head: HeadRow, plan: ChangePlan) -> Changed:
    make_changes(batch.connection, head, plan.changes)
    batch.add_audit(head, *plan.audit)
    return Changed(head.directory)
