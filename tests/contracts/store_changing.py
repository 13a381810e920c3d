"""The directory and the keys: changes whole or not at all, reads with the head before them."""

import pytest

from contracts.store_plans import (
    ISSUER,
    OTHER_ISSUER,
    ceiling,
    changing,
    client,
    key,
    number,
    operator,
    resource_server,
    revoking,
    select,
    traces,
)
from support.manual_clock import START
from support.requirement import requirement
from tokenry.ports.plans import (
    Changed,
    FactsMoved,
    PutCeiling,
    PutClient,
    PutKey,
    PutOperator,
    PutResourceServer,
    RemoveClient,
    RemoveOperator,
    RemoveResourceServer,
)
from tokenry.protocol.registry import Directory, Origin
from tokenry.protocol.signing_key import KeyState, KeyUse


class ChangingContract:
    async def test_what_was_put_is_read_back_whole(self, store):
        full = client("c1", suspended=True)
        bare = client("c2", secrets=(), jwks=None, access={}, origin=Origin.CLI)
        assert await store.change(changing(PutClient(full), PutClient(bare))) == Changed(1)
        for each in (full, bare):
            found = await store.find_client(ISSUER, each.id)
            assert (found.value, found.rsn, found.directory) == (each, number(0), 1)
        assert (await store.find_client(ISSUER, "c3")).value is None
        assert await traces(store) == ["changed"]

    @requirement("G-1")
    async def test_a_read_says_at_which_head_and_directory_it_was_made(self, store):
        await store.change(changing(PutClient(client())))
        await store.revoke(revoking(select("a"), select("b")))
        found = await store.find_client(ISSUER, "c1")
        assert (found.rsn, found.directory) == (number(2), 1)
        directory = await store.directory(ISSUER)
        assert (directory.rsn, directory.directory) == (number(2), 1)

    async def test_the_directory_is_everything_but_clients_in_order(self, store):
        await store.change(
            changing(
                PutResourceServer(resource_server("payments")),
                PutResourceServer(resource_server("orders", survival=900)),
                PutOperator(operator("zoe")),
                PutOperator(operator("ann")),
                PutCeiling(ceiling("payments", 60)),
                PutCeiling(ceiling("orders", 900)),
                PutCeiling(ceiling("orders", 60, START)),
                PutClient(client()),
            )
        )
        assert (await store.directory(ISSUER)).value == Directory(
            resource_servers=(resource_server("orders", survival=900), resource_server("payments")),
            operators=(operator("ann"), operator("zoe")),
            ceilings=(
                ceiling("orders", 60, START),
                ceiling("orders", 900),
                ceiling("payments", 60),
            ),
        )

    async def test_putting_again_replaces_and_removing_removes(self, store):
        await store.change(
            changing(
                PutResourceServer(resource_server()),
                PutOperator(operator()),
                PutCeiling(ceiling()),
                PutClient(client()),
            )
        )
        await store.change(
            changing(
                PutResourceServer(resource_server(lifetime=60)),
                PutOperator(operator(digest=b"n" * 32)),
                PutCeiling(ceiling(until=START)),
                PutClient(client(name="new")),
            )
        )
        directory = (await store.directory(ISSUER)).value
        assert directory.resource_servers == (resource_server(lifetime=60),)
        assert directory.operators == (operator(digest=b"n" * 32),)
        assert directory.ceilings == (ceiling(until=START),)
        assert (await store.find_client(ISSUER, "c1")).value == client(name="new")
        removal = changing(RemoveResourceServer("orders"), RemoveOperator("op"), RemoveClient("c1"))
        assert await store.change(removal) == Changed(3)
        assert (await store.directory(ISSUER)).value == Directory(ceilings=(ceiling(until=START),))
        assert (await store.find_client(ISSUER, "c1")).value is None

    async def test_removing_what_is_not_there_is_no_error(self, store):
        removal = changing(
            RemoveClient("c9"), RemoveResourceServer("nobody"), RemoveOperator("nobody")
        )
        assert await store.change(removal) == Changed(1)

    @pytest.mark.parametrize(
        ("change", "raises"),
        [
            (PutClient(client()), False),
            (RemoveClient("c1"), False),
            (PutResourceServer(resource_server()), True),
            (RemoveResourceServer("orders"), True),
            (PutOperator(operator()), False),
            (RemoveOperator("op"), False),
            (PutCeiling(ceiling()), True),
            (PutKey(key(), None), False),
        ],
    )
    async def test_every_change_counts_and_some_are_seen_by_verifiers(self, store, change, raises):
        assert await store.change(changing(change)) == Changed(1)
        head = await store.head(ISSUER)
        assert (head.directory, head.profiles) == (1, int(raises))

    async def test_a_plan_counts_once_whatever_it_changes(self, store):
        await store.change(
            changing(
                PutCeiling(ceiling()), PutResourceServer(resource_server()), PutClient(client())
            )
        )
        head = await store.head(ISSUER)
        assert (head.directory, head.profiles) == (1, 1)

    async def test_a_plan_without_changes_counts_nothing_and_is_audited(self, store):
        assert await store.change(changing(trace="looked")) == Changed(0)
        assert await traces(store) == ["looked"]

    @requirement("R-51")
    async def test_a_client_of_another_origin_is_never_overwritten(self, store):
        await store.change(changing(PutClient(client(origin=Origin.CLI))))
        mine = changing(
            PutOperator(operator()), PutClient(client(origin=Origin.BLUEPRINT)), trace="lost"
        )
        assert await store.change(mine) == FactsMoved()
        assert (await store.find_client(ISSUER, "c1")).value == client(origin=Origin.CLI)
        assert (await store.directory(ISSUER)).value == Directory()
        assert (await store.head(ISSUER)).directory == 1
        assert await traces(store) == ["changed"]

    async def test_origins_are_judged_as_the_plans_earlier_changes_leave_them(self, store):
        await store.change(changing(PutClient(client(origin=Origin.CLI))))
        twice = changing(PutClient(client("c2")), PutClient(client("c2", origin=Origin.CLI)))
        assert await store.change(twice) == FactsMoved()
        handover = changing(RemoveClient("c1"), PutClient(client()))
        assert await store.change(handover) == Changed(2)
        assert (await store.find_client(ISSUER, "c1")).value == client()

    @pytest.mark.parametrize("directory", [0, 2])
    async def test_a_change_of_a_directory_that_has_moved_loses(self, store, directory):
        await store.change(changing(PutClient(client())))
        lost = changing(PutClient(client("c2")), directory=directory)
        assert await store.change(lost) == FactsMoved()
        assert (await store.find_client(ISSUER, "c2")).value is None
        assert await store.change(changing(PutClient(client("c2")), directory=1)) == Changed(2)

    @requirement("G-5")
    @pytest.mark.parametrize("expected", [None, KeyState.ACTIVE, KeyState.RETIRED])
    async def test_a_key_that_is_not_in_the_expected_state_stays(self, store, expected):
        await store.change(changing(PutKey(key(), None)))
        lost = changing(PutKey(key(state=KeyState.DESTROYED), expected))
        assert await store.change(lost) == FactsMoved()
        assert await store.signing_keys(ISSUER) == (key(),)

    @requirement("G-5")
    async def test_a_key_that_is_expected_must_be_there(self, store):
        plan = changing(PutKey(key(state=KeyState.ACTIVE), KeyState.ANNOUNCED))
        assert await store.change(plan) == FactsMoved()
        assert await store.signing_keys(ISSUER) == ()

    @requirement("G-5")
    async def test_keys_are_read_oldest_first_destroyed_ones_too(self, store):
        first = key(
            "z", KeyState.DESTROYED, wrapped_private=b"", retired_at=START, destroy_at=START
        )
        second = key("b", KeyState.ACTIVE, announced_at=START + 1, use=KeyUse.FEED)
        third = key("a", announced_at=START + 2)
        for each in (third, first, second):
            await store.change(changing(PutKey(each, None)))
        assert await store.signing_keys(ISSUER) == (first, second, third)

    async def test_clients_are_listed_a_page_at_a_time(self, store):
        ids = ["b", "a", "é", "A", "c-2", "c-10"]
        await store.change(changing(*(PutClient(client(each)) for each in ids)))
        first = await store.list_clients(ISSUER, after=None, limit=4)
        assert [each.id for each in first] == ["A", "a", "b", "c-10"]
        assert first[1] == client("a")
        rest = await store.list_clients(ISSUER, after=first[-1].id, limit=4)
        assert [each.id for each in rest] == ["c-2", "é"]
        assert await store.list_clients(ISSUER, after="é", limit=4) == ()

    async def test_each_issuer_has_a_directory_of_its_own(self, store):
        await store.create_issuer(OTHER_ISSUER)
        await store.change(
            changing(
                PutClient(client()),
                PutResourceServer(resource_server()),
                PutOperator(operator()),
                PutCeiling(ceiling()),
                PutKey(key(), None),
            )
        )
        assert (await store.find_client(OTHER_ISSUER, "c1")).value is None
        assert (await store.directory(OTHER_ISSUER)).value == Directory()
        assert await store.signing_keys(OTHER_ISSUER) == ()
        assert await store.list_clients(OTHER_ISSUER, after=None, limit=9) == ()
        await store.change(changing(PutKey(key(), None), issuer=OTHER_ISSUER))
        await store.change(changing(RemoveClient("c1"), issuer=OTHER_ISSUER))
        assert (await store.find_client(ISSUER, "c1")).value == client()
