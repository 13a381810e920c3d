"""Move the times of a plan later by as long as it waited for its transaction (G-1). Pure.

Whoever asks reads the clock once and rests every future time of the plan on that reading. Tokens
are born while the plan waits in a queue, is tried again or is decided anew; what shall outlive
them is counted from the transaction.
"""

from typing import TypeVar

from msgspec.structs import replace

from tokenry.feed.record import NEVER
from tokenry.ports.plans import Change, ChangePlan, PutCeiling, PutKey, Revocation, RevokePlan
from tokenry.protocol.signing_key import KeyState
from tokenry.vocabulary.instant import MILLISECONDS_PER_SECOND, Instant

P = TypeVar("P", RevokePlan, ChangePlan)


def as_of_commit(plan: P, *, now: Instant) -> P:
    """Return the plan with its times moved later by `now` minus `asked_at`, never earlier.

    `now` is read inside the transaction: the later of the database's clock and its newest tick,
    since rows are removed by ticks even when the clock was set back since.
    """
    delay = now - plan.asked_at
    if delay <= 0:
        return plan
    changes = tuple(_moved_change(change, delay) for change in plan.changes)
    if isinstance(plan, ChangePlan):
        return replace(plan, changes=changes)
    revocations = tuple(_moved_revocation(each, delay) for each in plan.revocations)
    return replace(plan, changes=changes, revocations=revocations)


def _moved_revocation(revocation: Revocation, delay: int) -> Revocation:
    in_seconds = -(-delay // MILLISECONDS_PER_SECOND)
    return replace(
        revocation,
        expires=min(revocation.expires + in_seconds, NEVER),
        floor_until=Instant(revocation.floor_until + delay),
    )


def _moved_change(change: Change, delay: int) -> Change:
    match change:
        case PutCeiling(ceiling) if ceiling.until is not None:
            return PutCeiling(replace(ceiling, until=Instant(ceiling.until + delay)))
        case PutKey(key, expected) if key.state is KeyState.ANNOUNCED:
            later = Instant(key.activates_at + delay)
            return PutKey(key=replace(key, activates_at=later), expected=expected)
        case PutKey(key, expected) if key.state is KeyState.RETIRED and key.destroy_at is not None:
            later = Instant(key.destroy_at + delay)
            return PutKey(key=replace(key, destroy_at=later), expected=expected)
        case _:
            return change
