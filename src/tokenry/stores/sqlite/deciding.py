"""Who of a batch may go on: facts first, claims last (G-1, G-2).

Who loses on facts must not have used up its proof, so claims come after every other condition.
"""

import json

import msgspec

from tokenry.ports.plans import (
    ChangePlan,
    FactsMoved,
    IdempotencyMismatch,
    IssuePlan,
    ProofReplayed,
    ReplayClaim,
    Revoked,
    RevokePlan,
)
from tokenry.stores.sqlite.changing import conditions_hold
from tokenry.stores.sqlite.claiming import claim_all
from tokenry.stores.sqlite.open_batch import HeadRow, OpenBatch
from tokenry.stores.work import Answer, Work
from tokenry.vocabulary.selectors import Selector

Plan = IssuePlan | RevokePlan | ChangePlan

_FACTS_MOVED = FactsMoved()
_PROOF_REPLAYED = ProofReplayed()


class Standing(msgspec.Struct):
    """A plan that nothing speaks against; `earlier` is the answer that it repeats, if any."""

    index: int
    plan: Plan
    head: HeadRow
    earlier: Revoked | None = None


def decide(batch: OpenBatch, work: tuple[Work, ...], answers: list[Answer]) -> list[Standing]:
    """Answer the plans of the batch that lose; return the others, issuances first."""
    candidates: list[Standing] = []
    for index, piece in enumerate(work):
        if isinstance(piece, Plan):
            try:
                candidates.append(Standing(index, piece, batch.head(piece.issuer)))
            except LookupError as unknown_issuer:
                answers[index] = unknown_issuer
    _read_floors(batch, candidates)
    issuances: list[Standing] = []
    others: list[Standing] = []
    for candidate in candidates:
        plan = candidate.plan
        if isinstance(plan, IssuePlan):
            if _facts_hold(batch, candidate.head, plan):
                issuances.append(candidate)
            else:
                answers[candidate.index] = _FACTS_MOVED
        else:
            loss = _loss_of(batch, candidate)
            if loss is None:
                others.append(candidate)
            else:
                answers[candidate.index] = loss
    return _claim(batch, issuances + others, answers)


def _read_floors(batch: OpenBatch, candidates: list[Standing]) -> None:
    """Read the floors that decisions need, for each issuer in one go."""
    needed: dict[int, set[Selector]] = {}
    for candidate in candidates:
        plan, head = candidate.plan, candidate.head
        if isinstance(plan, IssuePlan):
            # No floor lies above the head, so facts as new as the head need none.
            if plan.rsn < head.seq:
                needed.setdefault(head.id, set()).update(plan.selectors)
        elif isinstance(plan, RevokePlan):
            once = {each.selector for each in plan.revocations if not each.repeatable}
            if once:
                needed.setdefault(head.id, set()).update(once)
    for issuer_id, selectors in needed.items():
        batch.read_floors(issuer_id, selectors)


def _facts_hold(batch: OpenBatch, head: HeadRow, plan: IssuePlan) -> bool:
    if plan.directory != head.directory or plan.rsn > head.seq:
        # An rsn above the head was read from a database that is ahead of this one: a token with it
        # would outlive revocations that are still to come here.
        return False
    if plan.rsn == head.seq:
        return True
    floors = batch.floors(head.id)
    return all(floors.get(selector, 0) <= plan.rsn for selector in plan.selectors)


def _loss_of(batch: OpenBatch, candidate: Standing) -> Answer:
    """Return why a revocation or change cannot be made; find the answer that it repeats."""
    plan, head = candidate.plan, candidate.head
    if isinstance(plan, RevokePlan) and plan.idempotency is not None:
        asked = plan.idempotency
        row = batch.connection.execute(
            "SELECT request_digest, numbers, fresh FROM idempotency_key"
            " WHERE issuer = ? AND caller = ? AND key = ?",
            (head.id, asked.caller, asked.key),
        ).fetchone()
        if row is not None:
            request_digest, numbers, fresh = row
            if request_digest != asked.request_digest:
                return IdempotencyMismatch()
            candidate.earlier = Revoked(tuple(json.loads(numbers)), bool(fresh))
            return None
    if isinstance(plan, RevokePlan | ChangePlan):
        if plan.directory is not None and plan.directory != head.directory:
            return _FACTS_MOVED
        if not conditions_hold(batch.connection, head, plan.changes):
            return _FACTS_MOVED
    return None


def _claim(batch: OpenBatch, standing: list[Standing], answers: list[Answer]) -> list[Standing]:
    """Answer the plans whose claim loses; return the others."""
    claimants: list[Standing] = []
    claims: list[tuple[int, ReplayClaim]] = []
    for one in standing:
        if isinstance(one.plan, IssuePlan | RevokePlan) and one.plan.claim is not None:
            claimants.append(one)
            claims.append((one.head.id, one.plan.claim))
    if not claims:
        return standing
    lost: set[int] = set()
    for one, won in zip(claimants, claim_all(batch.connection, claims), strict=True):
        if not won:
            answers[one.index] = _PROOF_REPLAYED
            lost.add(one.index)
    return [one for one in standing if one.index not in lost]
