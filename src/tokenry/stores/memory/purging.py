"""Let go of what the newest tick has outlived, a bounded number of each kind (R-36)."""

from collections.abc import Iterable, MutableMapping
from heapq import nsmallest
from typing import Any

from tokenry.ports.store import Purged
from tokenry.stores.memory.issuer_state import IssuerState
from tokenry.stores.retention import expiry_outlived
from tokenry.vocabulary.instant import Instant

Ending = tuple[int, int, Any]
"""When something runs out, the index of its issuer, its key."""


def purge(issuers: list[IssuerState], *, tick: Instant, emptied_through: int, limit: int) -> Purged:
    """Remove at most `limit` of each kind over all issuers, those that ran out first, first."""
    expired = expiry_outlived(tick)
    each = list(enumerate(issuers))
    return Purged(
        records=_purge_records(issuers, expired, limit),
        floors=_remove(
            [state.floors for state in issuers],
            [(end, at, key) for at, state in each for key, (_, end) in state.floors.items()],
            tick,
            limit,
        ),
        replay_keys=_remove(
            [state.replay_keys for state in issuers],
            [(end, at, key) for at, state in each for key, end in state.replay_keys.items()],
            emptied_through,
            limit,
        ),
        reference_tokens=_remove(
            [state.references for state in issuers],
            [(one.expires, at, key) for at, state in each for key, one in state.references.items()],
            expired,
            limit,
        ),
        idempotency_keys=_remove(
            [state.idempotency for state in issuers],
            [
                (asked.until, at, key)
                for at, state in each
                for key, (asked, _) in state.idempotency.items()
            ],
            tick,
            limit,
        ),
        ceilings=_purge_ceilings(issuers, tick, limit),
    )


def _first_to_go(endings: Iterable[Ending], passed: int, limit: int) -> list[Ending]:
    return nsmallest(limit, (ending for ending in endings if ending[0] <= passed))


def _remove(mappings: list[Any], endings: Iterable[Ending], passed: int, limit: int) -> int:
    gone = _first_to_go(endings, passed, limit)
    for _, at, key in gone:
        mapping: MutableMapping[Any, Any] = mappings[at]
        del mapping[key]
    return len(gone)


def _purge_ceilings(issuers: list[IssuerState], tick: Instant, limit: int) -> int:
    endings = (
        (ceiling.until, at, key)
        for at, state in enumerate(issuers)
        for key, ceiling in state.ceilings.items()
        if ceiling.until is not None
    )
    gone = _first_to_go(endings, tick, limit)
    for _, at, key in gone:
        del issuers[at].ceilings[key]
    for at in {at for _, at, _ in gone}:
        issuers[at].directory += 1
        issuers[at].profiles += 1
    return len(gone)


def _purge_records(issuers: list[IssuerState], expired: int, limit: int) -> int:
    endings = (
        (record.expires, at, record.seq)
        for at, state in enumerate(issuers)
        for record, _ in state.records.values()
    )
    gone = _first_to_go(endings, expired, limit)
    for _, at, seq in gone:
        state = issuers[at]
        _, chain = state.records.pop(seq)
        if seq > state.kept_after:
            state.kept_after, state.kept_chain = seq, chain
    return len(gone)
