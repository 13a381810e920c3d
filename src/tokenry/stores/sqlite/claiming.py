"""Let exactly one presentation of a proof win, within a batch and across all before it (G-2)."""

import sqlite3
from typing import Any

from tokenry.ports.plans import ReplayClaim
from tokenry.stores.retention import replay_bucket
from tokenry.stores.sqlite.row_insert import RowInsert

_CLAIM = RowInsert(
    "replay_key (issuer, key, bucket)",
    columns=3,
    then="ON CONFLICT (issuer, key) DO NOTHING RETURNING issuer, key",
)


def claim_all(connection: sqlite3.Connection, claims: list[tuple[int, ReplayClaim]]) -> list[bool]:
    """Claim proofs, given with their issuer's number; say for each whether it won.

    Of equal ones the first wins, if no earlier batch had it. A claim whose bucket has been emptied
    loses: that it was never made before can no longer be known.
    """
    row = connection.execute("SELECT emptied_through FROM whole").fetchone()
    emptied_through: int = row[0]
    values: list[Any] = []
    firsts: dict[tuple[int, bytes], int] = {}
    for index, (issuer_id, claim) in enumerate(claims):
        bucket = replay_bucket(claim.until)
        if bucket > emptied_through and (issuer_id, claim.key) not in firsts:
            firsts[issuer_id, claim.key] = index
            values += (issuer_id, claim.key, bucket)
    won = {firsts[issuer_id, key] for issuer_id, key in _CLAIM.run(connection, values)}
    return [index in won for index in range(len(claims))]
