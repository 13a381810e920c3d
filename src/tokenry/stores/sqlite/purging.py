"""Remove what the newest tick has outlived, a bounded number of rows of each kind (R-36)."""

import sqlite3
from typing import Any

from tokenry.ports.store import Purged
from tokenry.stores.retention import expiry_outlived, last_outlived_bucket
from tokenry.stores.sqlite.open_batch import OpenBatch
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant

_OUTLIVED_CEILINGS = (
    "SELECT issuer, resource_server, lifetime,"
    " json_extract(CAST(document AS TEXT), '$.until') AS until"
    " FROM ceiling WHERE until <= ? ORDER BY until, issuer, resource_server, lifetime LIMIT ?"
)


def purge(batch: OpenBatch, limit: int) -> Purged:
    """Remove at most `limit` rows of each kind, those that ran out first, first."""
    connection = batch.connection
    row = connection.execute("SELECT tick FROM whole").fetchone()
    tick: Instant = row[0]
    # The watermark rises before the bucket's rows go: a claim in it is refused from here on, so
    # however long its removal takes, the bucket was emptied whole (G-2).
    row = connection.execute(
        "UPDATE whole SET emptied_through = max(emptied_through, ?) RETURNING emptied_through",
        (last_outlived_bucket(tick),),
    ).fetchall()[0]
    emptied_through: int = row[0]
    expired = expiry_outlived(tick)
    return Purged(
        records=_purge_records(connection, expired, limit),
        floors=_remove(connection, "floor", "issuer, selector", "until", tick, limit),
        replay_keys=_remove(
            connection, "replay_key", "issuer, key", "bucket", emptied_through, limit
        ),
        reference_tokens=_remove(
            connection, "reference_token", "issuer, digest", "expires", expired, limit
        ),
        idempotency_keys=_remove(
            connection, "idempotency_key", "issuer, caller, key", "until", tick, limit
        ),
        ceilings=_purge_ceilings(batch, tick, limit),
    )


def _remove(
    connection: sqlite3.Connection, table: str, key: str, end: str, passed: int, limit: int
) -> int:
    """Remove rows of a table whose `end` is not above `passed`; return how many."""
    cursor = connection.execute(
        f"DELETE FROM {table} WHERE ({key}) IN"  # noqa: S608 -- names of this module only
        f" (SELECT {key} FROM {table} WHERE {end} <= ? ORDER BY {end}, {key} LIMIT ?)",
        (passed, limit),
    )
    return cursor.rowcount


def _purge_ceilings(batch: OpenBatch, tick: Instant, limit: int) -> int:
    connection = batch.connection
    gone = connection.execute(_OUTLIVED_CEILINGS, (tick, limit)).fetchall()
    for issuer_id, resource_server, lifetime, _ in gone:
        connection.execute(
            "DELETE FROM ceiling WHERE issuer = ? AND resource_server = ? AND lifetime = ?",
            (issuer_id, resource_server, lifetime),
        )
    for issuer_id in {row[0] for row in gone}:
        row = connection.execute("SELECT issuer FROM head WHERE id = ?", (issuer_id,)).fetchone()
        # By way of the batch: a plan of the same batch may have moved the head as well.
        head = batch.head(IssuerUrl(row[0]))
        head.directory += 1
        head.profiles += 1
        head.has_moved = True
    return len(gone)


def _purge_records(connection: sqlite3.Connection, expired: int, limit: int) -> int:
    gone: list[tuple[Any, ...]] = connection.execute(
        "DELETE FROM record WHERE (issuer, seq) IN"
        " (SELECT issuer, seq FROM record WHERE expires <= ? ORDER BY expires, issuer, seq LIMIT ?)"
        " RETURNING issuer, seq, chain",
        (expired, limit),
    ).fetchall()
    highest: dict[int, tuple[int, bytes]] = {}
    for issuer_id, seq, chain in gone:
        highest[issuer_id] = max(highest.get(issuer_id, (0, b"")), (seq, chain))
    for issuer_id, (seq, chain) in highest.items():
        connection.execute(
            "UPDATE head SET kept_after = ?, kept_chain = ? WHERE id = ? AND kept_after < ?",
            (seq, chain, issuer_id, seq),
        )
    return len(gone)
