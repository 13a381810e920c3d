"""Write what was decided: state, numbers, chain, audit entries (G-1, G-4)."""

from tokenry.ports.plans import Changed, ChangePlan, Issued, Recorded, Revoked, RevokePlan
from tokenry.stores.lateness import as_of_commit
from tokenry.stores.numbering import number_revocations
from tokenry.stores.sqlite.changing import make_changes
from tokenry.stores.sqlite.deciding import Issuance, Recording, Standing
from tokenry.stores.sqlite.open_batch import HeadRow, OpenBatch
from tokenry.stores.work import Answer


def write_standing(batch: OpenBatch, standing: Standing) -> Answer:
    """Write a plan or entries that stand, and return the outcome."""
    head = standing.head
    if isinstance(standing, Recording):
        for entry in standing.plan.entries:
            batch.add_audit(batch.head(entry.issuer), entry)
        return Recorded()
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
