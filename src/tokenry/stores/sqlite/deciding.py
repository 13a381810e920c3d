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
from tokenry.stores.work import Answer, RecordEntries, Work
from tokenry.vocabulary.selectors import Selector

_FACTS_MOVED = FactsMoved()
_PROOF_REPLAYED = ProofReplayed()


class Issuance(msgspec.Struct, frozen=True):
    """An issuance of the batch, by its place there, that nothing speaks against so far."""

    index: int
    plan: IssuePlan
    head: HeadRow


class Alteration(msgspec.Struct):
    """A revocation or change likewise; `earlier` is the answer that it repeats, if any."""

    index: int
    plan: RevokePlan | ChangePlan
    head: HeadRow
    earlier: Revoked | None = None


class Recording(msgspec.Struct, frozen=True):
    """Entries that stand for themselves likewise; `head` is that of the first one's issuer."""

    index: int
    plan: RecordEntries
    head: HeadRow


Standing = Issuance | Alteration | Recording


def decide(batch: OpenBatch, work: tuple[Work, ...], answers: list[Answer]) -> list[Standing]:
    """Answer the plans and entries of the batch that lose; return the others, issuances first."""
    issuances: list[Issuance] = []
    alterations: list[Alteration] = []
    recordings: list[Recording] = []
    for index, piece in enumerate(work):
        try:
            if isinstance(piece, IssuePlan):
                issuances.append(Issuance(index, piece, batch.head(piece.issuer)))
            elif isinstance(piece, (RevokePlan, ChangePlan)):
                alterations.append(Alteration(index, piece, batch.head(piece.issuer)))
            elif isinstance(piece, RecordEntries):
                heads = [batch.head(entry.issuer) for entry in piece.entries]
                recordings.append(Recording(index, piece, heads[0]))
        except LookupError as unknown_issuer:
            answers[index] = unknown_issuer
    _read_floors(batch, issuances, alterations)
    standing: list[Standing] = []
    for issuance in issuances:
        if _facts_hold(batch, issuance.head, issuance.plan):
            standing.append(issuance)
        else:
            answers[issuance.index] = _FACTS_MOVED
    for alteration in alterations:
        loss = _loss_of(batch, alteration)
        if loss is None:
            standing.append(alteration)
        else:
            answers[alteration.index] = loss
    standing += recordings
    return _claim(batch, standing, answers)


def _read_floors(
    batch: OpenBatch, issuances: list[Issuance], alterations: list[Alteration]
) -> None:
    """Read the floors that decisions need, for each issuer in one go."""
    needed: dict[int, set[Selector]] = {}
    for issuance in issuances:
        # No floor lies above the head, so facts as new as the head need none.
        if issuance.plan.rsn < issuance.head.seq:
            needed.setdefault(issuance.head.id, set()).update(issuance.plan.selectors)
    for alteration in alterations:
        if isinstance(alteration.plan, RevokePlan):
            for revocation in alteration.plan.revocations:
                if not revocation.repeatable:
                    needed.setdefault(alteration.head.id, set()).add(revocation.selector)
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


def _loss_of(batch: OpenBatch, alteration: Alteration) -> IdempotencyMismatch | FactsMoved | None:
    """Return why a revocation or change cannot be made; find the answer that it repeats."""
    plan, head = alteration.plan, alteration.head
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
            alteration.earlier = Revoked(tuple(json.loads(numbers)), bool(fresh))
            return None
    if plan.directory is not None and plan.directory != head.directory:
        return _FACTS_MOVED
    if not conditions_hold(batch.connection, head, plan.changes):
        return _FACTS_MOVED
    return None


def _claim(batch: OpenBatch, standing: list[Standing], answers: list[Answer]) -> list[Standing]:
    """Answer those whose claim loses; return the others."""
    claimants: list[Standing] = []
    claims: list[tuple[int, ReplayClaim]] = []
    for one in standing:
        plan = one.plan
        if not isinstance(plan, ChangePlan) and plan.claim is not None:
            claimants.append(one)
            claims.append((one.head.id, plan.claim))
    if not claims:
        return standing
    lost: set[int] = set()
    for one, won in zip(claimants, claim_all(batch.connection, claims), strict=True):
        if not won:
            answers[one.index] = _PROOF_REPLAYED
            lost.add(one.index)
    return [one for one in standing if one.index not in lost]
