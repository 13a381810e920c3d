"""Rows sort in one global order: batches on many nodes never wait for each other in a ring."""

from contracts.store_plans import (
    ISSUER,
    OTHER_ISSUER,
    asked,
    ceiling,
    changing,
    client,
    entry,
    issuance,
    key,
    operator,
    resource_server,
    revoking,
    select,
)
from support.requirement import requirement
from tokenry.ports.plans import (
    PutCeiling,
    PutClient,
    PutKey,
    PutOperator,
    PutResourceServer,
    RemoveClient,
    RemoveOperator,
    RemoveResourceServer,
)
from tokenry.stores.group_commit import Batch
from tokenry.stores.rows import RowKind, rows_of, rows_read
from tokenry.stores.work import CreateIssuer, PurgeRows, RecordEntries, Tick


@requirement("G-4")
def test_a_batch_locks_its_rows_by_kind_and_key_and_the_heads_last():
    batch = Batch(
        b"id",
        (
            changing(PutKey(key(), None), PutClient(client("z")), PutClient(client("a"))),
            revoking(select("x"), select("w"), idempotency=asked(), issuer=OTHER_ISSUER),
            issuance(),
        ),
    )
    rows = batch.rows()
    assert list(rows) == sorted(rows)
    assert rows[-2:] == ((RowKind.HEAD, ISSUER, ""), (RowKind.HEAD, OTHER_ISSUER, ""))
    assert [kind for kind, _, _ in rows] == [
        RowKind.IDEMPOTENCY_KEY,
        RowKind.CLIENT,
        RowKind.CLIENT,
        RowKind.KEY,
        RowKind.FLOOR,
        RowKind.FLOOR,
        RowKind.DIRECTORY,
        RowKind.HEAD,
        RowKind.HEAD,
    ]


@requirement("G-4")
def test_what_puts_and_what_removes_an_object_touch_the_same_row():
    for put, remove in (
        (PutClient(client("x")), RemoveClient("x")),
        (PutResourceServer(resource_server("x")), RemoveResourceServer("x")),
        (PutOperator(operator("x")), RemoveOperator("x")),
    ):
        assert rows_of(changing(put)) == rows_of(changing(remove))


def test_different_things_of_one_name_are_different_rows():
    changes = (
        PutClient(client("x")),
        PutResourceServer(resource_server("x")),
        PutOperator(operator("x")),
        PutCeiling(ceiling("x")),
        PutKey(key("x"), None),
    )
    own = [rows_of(changing(each)) - rows_of(changing()) for each in changes]
    assert len(frozenset().union(*own)) == 5
    assert rows_of(changing(*changes, issuer=OTHER_ISSUER)).isdisjoint(rows_of(changing(*changes)))


def test_who_relies_on_the_directory_reads_the_row_that_its_changes_write():
    change = changing(PutClient(client()))
    relies = revoking(select("a"), directory=3)
    assert rows_read(relies) & rows_of(change)
    assert rows_of(relies).isdisjoint(rows_of(change))
    assert not rows_read(revoking(select("b")))
    also_changes = revoking(select("a"), directory=3, changes=(PutClient(client()),))
    assert rows_of(also_changes) & rows_of(change)
    assert not rows_read(also_changes), "what is written is not merely read"
    assert rows_of(revoking(select("b"))).isdisjoint(rows_of(change))


@requirement("G-4")
def test_a_row_that_is_read_is_locked_too():
    rows = Batch(b"id", (revoking(select("a"), directory=3),)).rows()
    assert (RowKind.DIRECTORY, ISSUER, "") in rows


def test_ticks_and_purges_come_one_after_another_and_disturb_nobody():
    assert rows_of(Tick()) == rows_of(PurgeRows(5))
    for other in (issuance(), revoking(select("a")), changing(), CreateIssuer(ISSUER)):
        assert rows_of(Tick()).isdisjoint(rows_of(other))


def test_issuances_and_entries_touch_no_row_that_others_need():
    assert not rows_of(issuance())
    assert not rows_of(RecordEntries((entry("a"),)))
