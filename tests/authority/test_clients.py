"""Operators' acts on clients: one plan each, safe to repeat, and a secret is shown once."""

from hashlib import sha256

import pytest

from support.manual_clock import START, ManualClock
from support.requirement import requirement
from support.world import CountingEntropy, RememberingBus
from tokenry.audit.entry import AuditEvent, decode_entry
from tokenry.authority.acts import Act
from tokenry.authority.client_registration import (
    MAX_CURRENT_SECRETS,
    MAX_OVERLAP,
    ClientConflict,
    NewClient,
    UnknownClient,
)
from tokenry.authority.clients import Clients
from tokenry.authority.reconcile import reconcile
from tokenry.authority.revocation import IdempotencyKeyReused
from tokenry.blueprint.loading import load_blueprint
from tokenry.ports.plans import ChangePlan, PutOperator
from tokenry.ports.store import FeedPage
from tokenry.protocol.client_auth import secret_is_current
from tokenry.protocol.registry import Operator, Origin
from tokenry.stores.memory.store import MemoryStore
from tokenry.vocabulary.errors import InvalidRequest, Overloaded, StoreUnavailable
from tokenry.vocabulary.identifiers import (
    ClientId,
    IssuerUrl,
    OperatorName,
    ResourceServerName,
    TraceId,
)
from tokenry.vocabulary.instant import Instant, Seconds
from tokenry.vocabulary.selectors import SelectorKind, selector
from tokenry.vocabulary.sequence import FIRST_HEAD

ISSUER = IssuerUrl("https://auth.example")
TRACE = TraceId("0" * 32)
ACT = Act(actor="operator:first", trace=TRACE)
SHOP = ClientId("shop")
ACCESS = {ResourceServerName("orders"): ("read",)}
BLUEPRINT = f"""
[issuer]
url = "{ISSUER}"
[resource_servers.orders]
audience = "https://orders.example"
scopes.read = {{}}
scopes.write = {{}}
[clients.declared]
secret_sha256 = ["{sha256(b"declared").hexdigest()}"]
access.orders = ["read"]
"""


def repeatable(key: str) -> Act:
    return Act(actor="operator:first", trace=TRACE, idempotency_key=key)


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock)
        self.seen = 0
        self.clients = Clients(
            issuer=ISSUER,
            store=self.store,
            bus=RememberingBus(),
            clock=self.clock,
            entropy=CountingEntropy(),
        )

    async def records(self) -> list[bytes]:
        page = await self.store.feed_page(ISSUER, after=FIRST_HEAD, limit=100)
        assert isinstance(page, FeedPage)
        return [record.selector for record in page.records]

    async def events(self) -> list[AuditEvent]:
        """Return what has been recorded since the blueprint was applied."""
        rows = await self.store.audit_entries(ISSUER, after=self.seen, limit=100)
        return [decode_entry(row.entry).event for row in rows]

    async def accepts(self, client_id: str, secret: str | None, *, at: int | None = None) -> bool:
        client = await self.clients.find(ClientId(client_id))
        now = self.clock.now() if at is None else Instant(at)
        assert secret is not None
        return secret_is_current(secret, client.secrets, now=now)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.store.create_issuer(ISSUER)
    await reconcile(
        load_blueprint(BLUEPRINT.encode(), lambda path: path.encode()),
        issuer=ISSUER,
        store=world.store,
        bus=RememberingBus(),
        clock=world.clock,
        trace=TRACE,
    )
    world.seen = await world.store.last_audit_id(ISSUER)
    return world


@requirement("R-60")
async def test_a_client_is_added_with_a_secret_of_256_bits_that_is_not_kept(world: World) -> None:
    added = await world.clients.add(NewClient(id=SHOP, name="Shop", access=ACCESS), ACT)
    assert added.secret is not None
    assert added.secret.startswith("tks_")
    assert len(added.secret) == 47
    assert added.client.origin is Origin.CLI
    assert await world.accepts("shop", added.secret)
    assert added.secret not in str(added.client)
    assert await world.events() == [AuditEvent.CLIENT_ADDED]


async def test_a_client_without_an_id_gets_a_random_one(world: World) -> None:
    one = await world.clients.add(NewClient(access=ACCESS), ACT)
    two = await world.clients.add(NewClient(access=ACCESS), ACT)
    assert len(one.client.id) == len(two.client.id) == 22
    assert one.client.id != two.client.id


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (NewClient(id=ClientId("a b"), access=ACCESS), "client_id has up to 128"),
        (NewClient(id=ClientId(".."), access=ACCESS), "client_id has up to 128"),
        (NewClient(id=ClientId("a" * 129), access=ACCESS), "client_id has up to 128"),
        (NewClient(name="n" * 257, access=ACCESS), "name has up to 256"),
        (NewClient(auth="private_key_jwt", access=ACCESS), "jwks is needed"),
        (NewClient(jwks=b"{}", access=ACCESS), "jwks is needed"),
        (NewClient(access={ResourceServerName("ordes"): ("read",)}), "known is orders"),
        (NewClient(access={ResourceServerName("orders"): ("erase",)}), "declares, each once"),
        (NewClient(access={ResourceServerName("orders"): ("read", "read")}), "each once"),
    ],
)
async def test_what_could_get_no_token_or_too_much_is_not_registered(
    world: World, new: NewClient, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await world.clients.add(new, ACT)
    assert words in refused.value.description
    assert await world.events() == []


async def test_an_id_in_use_is_a_conflict_and_the_first_client_stays(world: World) -> None:
    first = await world.clients.add(NewClient(id=SHOP, access=ACCESS), ACT)
    with pytest.raises(ClientConflict):
        await world.clients.add(NewClient(id=SHOP, access={}), ACT)
    with pytest.raises(ClientConflict):
        await world.clients.add(NewClient(id=SHOP, access=ACCESS), repeatable("k"))
    assert await world.clients.find(SHOP) == first.client


@requirement("R-30")
@pytest.mark.parametrize("client_id", [SHOP, None])
async def test_adding_again_under_the_same_key_adds_nothing(
    world: World, client_id: ClientId | None
) -> None:
    new = NewClient(id=client_id, access=ACCESS)
    first = await world.clients.add(new, repeatable("k1"))
    again = await world.clients.add(new, repeatable("k1"))
    assert again.client == first.client
    assert (again.secret, again.repeated) == (None, True)
    assert await world.accepts(first.client.id, first.secret)
    assert await world.events() == [AuditEvent.CLIENT_ADDED]


@requirement("R-30")
async def test_another_request_under_the_same_key_is_refused(world: World) -> None:
    await world.clients.add(NewClient(id=SHOP, access=ACCESS), repeatable("k1"))
    with pytest.raises(IdempotencyKeyReused):
        await world.clients.add(NewClient(id=SHOP, access={}), repeatable("k1"))
    with pytest.raises(IdempotencyKeyReused):
        await world.clients.suspend(SHOP, repeatable("k1"))


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel", "a\nb"])
async def test_a_malformed_key_is_refused(world: World, key: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await world.clients.suspend(ClientId("declared"), repeatable(key))
    assert "1 to 255 ASCII" in refused.value.description


@requirement("R-33", "G-1")
async def test_suspending_refuses_and_revokes_in_one_plan(world: World) -> None:
    suspended = await world.clients.suspend(ClientId("declared"), ACT)
    assert suspended.client.suspended
    assert suspended.numbers == ((await world.store.head(ISSUER)).seq,)
    assert await world.records() == [selector(ISSUER, SelectorKind.CLIENT, "declared")]
    assert await world.events() == [AuditEvent.CLIENT_SUSPENDED, AuditEvent.REVOKED]


@requirement("R-30")
async def test_suspending_again_revokes_again_except_under_the_same_key(world: World) -> None:
    once = await world.clients.suspend(ClientId("declared"), repeatable("k"))
    repeat = await world.clients.suspend(ClientId("declared"), repeatable("k"))
    assert (repeat.client, repeat.numbers, repeat.repeated) == (once.client, once.numbers, True)
    again = await world.clients.suspend(ClientId("declared"), ACT)
    assert again.numbers > once.numbers
    assert len(await world.records()) == 2


@requirement("R-30")
async def test_a_repeated_suspension_says_how_the_client_stands_and_does_nothing(
    world: World,
) -> None:
    declared = ClientId("declared")
    first = await world.clients.suspend(declared, repeatable("k"))
    await world.clients.resume(declared, repeatable("k2"))
    repeat = await world.clients.suspend(declared, repeatable("k"))
    assert (repeat.client.suspended, repeat.numbers) == (False, first.numbers)
    assert not (await world.clients.find(declared)).suspended
    assert (await world.clients.resume(declared, repeatable("k2"))) == repeat.client
    assert len(await world.records()) == 1


@requirement("R-30")
async def test_a_repeated_removal_answers_as_the_first_did(world: World) -> None:
    await world.clients.add(NewClient(id=SHOP, access=ACCESS), repeatable("k1"))
    first = await world.clients.remove(SHOP, repeatable("k2"))
    repeat = await world.clients.remove(SHOP, repeatable("k2"))
    assert (repeat.numbers, first.repeated, repeat.repeated) == (first.numbers, False, True)
    with pytest.raises(UnknownClient):
        await world.clients.remove(SHOP, repeatable("k3"))
    await world.clients.add(NewClient(id=SHOP, access=ACCESS), ACT)
    assert (await world.clients.remove(SHOP, repeatable("k2"))).repeated
    assert (await world.clients.find(SHOP)).id == SHOP, "a repeat removes nobody"
    assert len(await world.records()) == 1


@requirement("R-33", "G-1")
async def test_resuming_takes_no_revocation_back(world: World) -> None:
    await world.clients.suspend(ClientId("declared"), ACT)
    resumed = await world.clients.resume(ClientId("declared"), ACT)
    assert not resumed.suspended
    assert len(await world.records()) == 1
    assert (await world.events())[-1] is AuditEvent.CLIENT_RESUMED


@requirement("R-33", "G-1")
async def test_removing_revokes_and_forgets(world: World) -> None:
    await world.clients.add(NewClient(id=SHOP, access=ACCESS), ACT)
    removed = await world.clients.remove(SHOP, ACT)
    assert len(removed.numbers) == 1
    assert await world.records() == [selector(ISSUER, SelectorKind.CLIENT, "shop")]
    with pytest.raises(UnknownClient):
        await world.clients.find(SHOP)


@requirement("R-51")
async def test_what_a_blueprint_declares_is_removed_only_there(world: World) -> None:
    with pytest.raises(ClientConflict) as refused:
        await world.clients.remove(ClientId("declared"), ACT)
    assert "remove it there" in refused.value.description
    assert await world.records() == []


async def test_an_unknown_client_is_said_to_be_unknown(world: World) -> None:
    for act in (world.clients.suspend, world.clients.resume, world.clients.remove):
        with pytest.raises(UnknownClient):
            await act(SHOP, ACT)
    with pytest.raises(UnknownClient):
        await world.clients.rotate_secret(SHOP, ACT)


async def test_two_secrets_overlap_and_the_old_one_ends(world: World) -> None:
    rotated = await world.clients.rotate_secret(ClientId("declared"), ACT, overlap=Seconds(60))
    now = world.clock.now()
    assert await world.accepts("declared", "declared", at=now + 59_999)
    assert not await world.accepts("declared", "declared", at=now + 60_000)
    assert await world.accepts("declared", rotated.secret, at=now + 10**12)


async def test_an_overlap_of_0_ends_the_old_secret_at_once(world: World) -> None:
    rotated = await world.clients.rotate_secret(ClientId("declared"), ACT, overlap=Seconds(0))
    assert not await world.accepts("declared", "declared")
    assert await world.accepts("declared", rotated.secret)


async def test_rotating_later_never_gives_a_secret_more_time(world: World) -> None:
    await world.clients.rotate_secret(ClientId("declared"), ACT, overlap=Seconds(60))
    await world.clients.rotate_secret(ClientId("declared"), ACT, overlap=Seconds(3600))
    assert not await world.accepts("declared", "declared", at=world.clock.now() + 60_000)


async def test_ended_secrets_do_not_pile_up(world: World) -> None:
    for _ in range(10):
        await world.clients.rotate_secret(ClientId("declared"), ACT, overlap=Seconds(1))
        world.clock.advance(2)
    # The declared one stays as a mark that it was rotated out.
    assert len((await world.clients.find(ClientId("declared"))).secrets) == 2 + 1


@requirement("G-8")
async def test_only_so_many_secrets_overlap(world: World) -> None:
    for _ in range(MAX_CURRENT_SECRETS - 1):
        await world.clients.rotate_secret(ClientId("declared"), ACT)
    with pytest.raises(ClientConflict) as refused:
        await world.clients.rotate_secret(ClientId("declared"), ACT)
    assert "overlap of 0" in refused.value.description
    await world.clients.rotate_secret(ClientId("declared"), ACT, overlap=Seconds(0))


@requirement("R-30")
async def test_rotating_again_under_the_same_key_makes_no_second_secret(world: World) -> None:
    first = await world.clients.rotate_secret(ClientId("declared"), repeatable("k"))
    again = await world.clients.rotate_secret(ClientId("declared"), repeatable("k"))
    assert (again.secret, again.repeated) == (None, True)
    assert again.client == first.client
    assert await world.accepts("declared", first.secret)


@pytest.mark.parametrize("overlap", [-1, MAX_OVERLAP + 1])
async def test_an_overlap_has_bounds(world: World, overlap: int) -> None:
    with pytest.raises(InvalidRequest):
        await world.clients.rotate_secret(ClientId("declared"), ACT, overlap=Seconds(overlap))


async def test_a_client_with_keys_has_no_secret_to_rotate(world: World) -> None:
    new = NewClient(id=SHOP, auth="private_key_jwt", jwks=b'{"keys":[]}', access=ACCESS)
    added = await world.clients.add(new, ACT)
    assert (added.secret, added.repeated) == (None, False)
    with pytest.raises(ClientConflict):
        await world.clients.rotate_secret(SHOP, ACT)


async def test_pages_are_in_order_and_bounded(world: World) -> None:
    for name in ("b", "a", "c"):
        await world.clients.add(NewClient(id=ClientId(name), access={}), ACT)
    first = await world.clients.page(after=None, limit=2)
    rest = await world.clients.page(after=first[-1].id, limit=10**9)
    assert [client.id for client in (*first, *rest)] == ["a", "b", "c", "declared"]
    assert len(await world.clients.page(after=None, limit=-5)) == 1


class RestlessStore(MemoryStore):
    """The directory moves before every read of a client: every plan is overtaken."""

    async def find_client(self, issuer: IssuerUrl, client_id: ClientId):  # type: ignore[no-untyped-def]
        found = await super().find_client(issuer, client_id)
        operator = Operator(
            name=OperatorName("x"), token_digest=bytes(32), duties=(), origin=Origin.CLI
        )
        changes = (PutOperator(operator),)
        await self.change(ChangePlan(issuer=issuer, asked_at=START, changes=changes, audit=()))
        return found


@requirement("G-8")
async def test_an_act_that_is_overtaken_without_end_says_so_and_writes_nothing() -> None:
    world = World()
    store = RestlessStore(clock=world.clock)
    await store.create_issuer(ISSUER)
    clients = Clients(
        issuer=ISSUER,
        store=store,
        bus=RememberingBus(),
        clock=world.clock,
        entropy=CountingEntropy(),
    )
    with pytest.raises(Overloaded):
        await clients.add(NewClient(id=SHOP, access={}), ACT)
    assert await store.list_clients(ISSUER, after=None, limit=9) == ()


@requirement("G-4")
async def test_a_store_that_is_gone_is_said_to_be(world: World) -> None:
    await world.store.close()
    with pytest.raises(StoreUnavailable):
        await world.clients.add(NewClient(access=ACCESS), ACT)
