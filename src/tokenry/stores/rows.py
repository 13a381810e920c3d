"""Which rows a piece of work touches: what may not share a batch, and in which order to lock (G-4).

Two plans never share a batch when one writes a row that the other reads or writes, since the second
must see what the first wrote. Plans that only read a row (revocations that rely on a version of the
directory) share one freely. Rows are locked in the order of (kind, issuer, key), the head last:
whoever takes the next number holds it for the shortest time.

Issuances touch no row by this measure. They only read floors and the directory (an issuance and a
revocation in one batch commit as if the issuance came first: the revocation's higher number kills
its token), and of equal replay claims in one batch the insert itself lets exactly one win.
"""

from enum import IntEnum

from tokenry.ports.plans import (
    Change,
    ChangePlan,
    IssuePlan,
    PutCeiling,
    PutClient,
    PutKey,
    PutOperator,
    PutResourceServer,
    RemoveClient,
    RemoveOperator,
    RemoveResourceServer,
    RevokePlan,
)
from tokenry.stores.work import CreateIssuer, PurgeRows, RecordEntries, Tick, Work


class RowKind(IntEnum):
    """Kinds of rows, in the order in which they are locked."""

    IDEMPOTENCY_KEY = 1
    CLIENT = 2
    RESOURCE_SERVER = 3
    OPERATOR = 4
    CEILING = 5
    KEY = 6
    FLOOR = 7
    WHOLE = 8
    """The database's own row: tick and watermark."""
    DIRECTORY = 9
    """The head row's directory counter; a part of the head, and locked with it."""
    HEAD = 10


Row = tuple[RowKind, str, str | bytes]
"""Kind, issuer, key; keys of one kind are of one type, so that rows sort."""

NO_ROWS: frozenset[Row] = frozenset()


def rows_of(work: Work) -> frozenset[Row]:
    """Return the rows that are written: no other work in the same batch may touch them."""
    match work:
        case IssuePlan() | RecordEntries():
            return NO_ROWS
        case RevokePlan():
            rows: set[Row] = {
                (RowKind.FLOOR, work.issuer, revocation.selector) for revocation in work.revocations
            }
            if work.idempotency is not None:
                key = f"{work.idempotency.caller}\0{work.idempotency.key}"
                rows.add((RowKind.IDEMPOTENCY_KEY, work.issuer, key))
            if work.changes:
                rows |= _rows_of_changes(work)
            return frozenset(rows)
        case ChangePlan():
            return frozenset(_rows_of_changes(work))
        case CreateIssuer():
            return frozenset({(RowKind.DIRECTORY, work.issuer, "")})
        case Tick() | PurgeRows():
            return frozenset({(RowKind.WHOLE, "", "")})


def rows_read(work: Work) -> frozenset[Row]:
    """Return the rows that are read and not written: nothing in the same batch may write them."""
    if isinstance(work, RevokePlan) and work.directory is not None and not work.changes:
        return frozenset({_directory_of(work)})
    return NO_ROWS


def in_lock_order(work: tuple[Work, ...]) -> tuple[Row, ...]:
    """Return every row that a batch must lock, in the one global order, heads last."""
    rows: set[Row] = set()
    for piece in work:
        rows |= rows_of(piece) | rows_read(piece)
        if isinstance(piece, RevokePlan | ChangePlan):
            rows.add((RowKind.HEAD, piece.issuer, ""))
    return tuple(sorted(rows))


def _rows_of_changes(plan: RevokePlan | ChangePlan) -> set[Row]:
    rows: set[Row] = {_row_of(plan.issuer, change) for change in plan.changes}
    rows.add(_directory_of(plan))
    return rows


def _directory_of(plan: RevokePlan | ChangePlan) -> Row:
    return (RowKind.DIRECTORY, plan.issuer, "")


def _row_of(issuer: str, change: Change) -> Row:
    match change:
        case PutClient(client):
            return (RowKind.CLIENT, issuer, client.id)
        case RemoveClient(client_id):
            return (RowKind.CLIENT, issuer, client_id)
        case PutResourceServer(resource_server):
            return (RowKind.RESOURCE_SERVER, issuer, resource_server.name)
        case RemoveResourceServer(name):
            return (RowKind.RESOURCE_SERVER, issuer, name)
        case PutOperator(operator):
            return (RowKind.OPERATOR, issuer, operator.name)
        case RemoveOperator(name):
            return (RowKind.OPERATOR, issuer, name)
        case PutCeiling(ceiling):
            return (RowKind.CEILING, issuer, f"{ceiling.resource_server}\0{ceiling.lifetime}")
        case PutKey(key):
            return (RowKind.KEY, issuer, key.kid)
