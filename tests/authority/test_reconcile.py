"""Applying a blueprint touches what came from one and revokes what is gone; twice is as once."""

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.manual_clock import START, ManualClock
from support.requirement import requirement
from support.world import CountingEntropy, RememberingBus
from tokenry.audit.entry import AuditEntry, AuditEvent, decode_entry
from tokenry.authority.acts import Act
from tokenry.authority.client_registration import NewClient
from tokenry.authority.clients import Clients
from tokenry.authority.reconcile import Reconciled, reconcile
from tokenry.blueprint.loading import load_blueprint
from tokenry.blueprint.problems import BlueprintError
from tokenry.jose import Algorithm, PrivateKey
from tokenry.ports.plans import ChangePlan, PutClient, RevokePlan
from tokenry.ports.store import FeedPage
from tokenry.protocol.directory_index import index_directory
from tokenry.protocol.lifetime import longest_live_lifetime
from tokenry.protocol.registry import Client, Origin
from tokenry.stores.memory.store import MemoryStore
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl, ResourceServerName, TraceId
from tokenry.vocabulary.instant import Instant, Seconds
from tokenry.vocabulary.selectors import SelectorKind, selector
from tokenry.vocabulary.sequence import FIRST_HEAD

ISSUER = IssuerUrl("https://auth.example")
TRACE = TraceId("0" * 32)
JWKS = msgspec.json.encode({"keys": [PrivateKey.generate(Algorithm.ES256).public.to_jwk()]})
HEAD = f'[issuer]\nurl = "{ISSUER}"\n'
ORDERS = """
[resource_servers.orders]
audience = "https://orders.example"
scopes.read = {}
scopes.write = {}
"""
PAYMENTS = """
[resource_servers.payments]
audience = "https://payments.example"
scopes.pay = {}
"""


def shop(secret: str = "one", access: str = 'orders = ["read"]') -> str:
    digest = sha256(secret.encode()).hexdigest()
    return f'[clients.shop]\nsecret_sha256 = ["{digest}"]\naccess = {{ {access} }}\n'


def operator(duties: str = '"revoke"') -> str:
    return f'[operators.first]\ntoken_sha256 = "{"0" * 64}"\nduties = [{duties}]\n'


class World:
    """An issuer in a memory store."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock)
        self.bus = RememberingBus()
        self.clients = Clients(
            issuer=ISSUER,
            store=self.store,
            bus=self.bus,
            clock=self.clock,
            entropy=CountingEntropy(),
        )
        self.act = Act(actor="operator:first", trace=TRACE)

    @classmethod
    async def begin(cls, *parts: str) -> "World":
        world = cls()
        await world.store.create_issuer(ISSUER)
        if parts:
            await world.apply(*parts)
        return world

    async def apply(self, *parts: str) -> Reconciled:
        return await reconcile(
            load_blueprint((HEAD + "".join(parts)).encode(), lambda _path: JWKS),
            issuer=ISSUER,
            store=self.store,
            bus=self.bus,
            clock=self.clock,
            trace=TRACE,
        )

    async def client(self, name: str = "shop") -> Client:
        found = (await self.store.find_client(ISSUER, ClientId(name))).value
        assert found is not None
        return found

    async def state(self) -> object:
        directory = (await self.store.directory(ISSUER)).value
        by_name = sorted(directory.resource_servers, key=lambda server: server.name)
        clients = await self.store.list_clients(ISSUER, after=None, limit=500)
        return by_name, directory.operators, clients

    async def revoked(self) -> list[bytes]:
        page = await self.store.feed_page(ISSUER, after=FIRST_HEAD, limit=500)
        assert isinstance(page, FeedPage)
        return [record.selector for record in page.records]

    async def audit(self) -> list[AuditEntry]:
        entries = await self.store.audit_entries(ISSUER, after=0, limit=500)
        return [decode_entry(row.entry) for row in entries]


@requirement("R-51")
async def test_a_first_application_registers_everything_with_its_origin() -> None:
    world = await World.begin()
    done = await world.apply(ORDERS, shop(), operator())
    directory = (await world.store.directory(ISSUER)).value
    everything = (*directory.resource_servers, *directory.operators, await world.client())
    assert [(found.origin) for found in everything] == [Origin.BLUEPRINT] * 3
    assert str(done) == "blueprint applied: 3 added, 0 changed, 0 removed, 0 revoked"
    assert world.bus.announced == [ISSUER]


@requirement("R-51")
async def test_a_second_application_writes_nothing() -> None:
    robot = '[clients.robot]\nauth = "private_key_jwt"\njwks_file = "robot.json"\n'
    world = await World.begin(ORDERS, PAYMENTS, shop(), operator(), robot)
    before = await world.store.head(ISSUER), await world.state(), await world.audit()
    world.clock.advance(10)
    done = await world.apply(ORDERS, PAYMENTS, shop(), operator(), robot)
    assert not done.changed
    assert str(done) == "blueprint applied: nothing to change"
    assert (await world.store.head(ISSUER), await world.state(), await world.audit()) == before


@requirement("R-51", "R-60")
async def test_each_change_leaves_an_entry_and_the_whole_names_its_version() -> None:
    world = await World.begin(ORDERS, shop())
    done = await world.apply(ORDERS, shop("two"), operator())
    whole, *each = (await world.audit())[-3:]
    assert whole.event is AuditEvent.BLUEPRINT_APPLIED
    assert whole.detail == {"blueprint": done.digest, "added": 1, "changed": 1, "removed": 0}
    assert [(entry.event, entry.detail) for entry in each] == [
        (AuditEvent.CLIENT_CHANGED, {"client": "shop", "fields": "secrets"}),
        (AuditEvent.OPERATOR_ADDED, {"operator": "first"}),
    ]
    assert {entry.actor for entry in await world.audit()} == {"authority"}


@requirement("R-51", "R-33", "G-1")
async def test_a_client_that_is_no_longer_declared_is_removed_and_revoked_in_one_plan() -> None:
    world = await World.begin(ORDERS, shop())
    done = await world.apply(ORDERS)
    assert (await world.store.find_client(ISSUER, ClientId("shop"))).value is None
    assert done.revoked == ((SelectorKind.CLIENT, "shop"),)
    assert await world.revoked() == [selector(ISSUER, SelectorKind.CLIENT, "shop")]
    assert (await world.audit())[-1].event is AuditEvent.REVOKED


@requirement("R-51", "G-1")
async def test_a_resource_server_that_is_no_longer_declared_is_removed_and_revoked() -> None:
    world = await World.begin(ORDERS, PAYMENTS)
    await world.apply(PAYMENTS)
    directory = (await world.store.directory(ISSUER)).value
    assert [server.name for server in directory.resource_servers] == ["payments"]
    assert await world.revoked() == [
        selector(ISSUER, SelectorKind.AUDIENCE, "https://orders.example")
    ]


@requirement("R-02", "G-1")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://orders.example", "https://shop.example"),
        ("[resource_servers.orders]", "[resource_servers.sales]"),
    ],
)
async def test_an_audience_that_now_means_something_else_is_revoked(
    before: str, after: str
) -> None:
    world = await World.begin(ORDERS)
    await world.apply(ORDERS.replace(before, after))
    assert await world.revoked() == [
        selector(ISSUER, SelectorKind.AUDIENCE, "https://orders.example")
    ]


@requirement("R-51")
async def test_a_removed_client_that_is_declared_again_starts_anew() -> None:
    world = await World.begin(ORDERS, shop())
    await world.clients.suspend(ClientId("shop"), world.act)
    await world.apply(ORDERS)
    await world.apply(ORDERS, shop())
    assert not (await world.client()).suspended


@requirement("R-51")
async def test_what_the_command_line_added_is_left_alone() -> None:
    world = await World.begin(ORDERS, shop())
    access = {ResourceServerName("orders"): ("read",)}
    added = await world.clients.add(NewClient(id=ClientId("till"), access=access), world.act)
    await world.apply(ORDERS)
    assert await world.client("till") == added.client


@requirement("R-51")
async def test_an_id_that_the_command_line_gave_away_is_an_error_and_nothing_is_written() -> None:
    world = await World.begin(ORDERS)
    access = {ResourceServerName("orders"): ("read",)}
    await world.clients.add(NewClient(id=ClientId("shop"), access=access), world.act)
    before = await world.state()
    with pytest.raises(BlueprintError) as refused:
        await world.apply(ORDERS, PAYMENTS, shop())
    (problem,) = refused.value.problems
    assert problem.path == "clients.shop"
    assert problem.found == "one that came from cli"
    assert "tokenry client remove shop" in problem.hint
    assert await world.state() == before


@requirement("R-51", "R-54")
async def test_the_file_of_another_issuer_is_an_error_and_nothing_is_written() -> None:
    world = await World.begin(ORDERS, shop())
    before = await world.state()
    other = HEAD.replace("auth.example", "other.example") + ORDERS
    with pytest.raises(BlueprintError) as refused:
        await reconcile(
            load_blueprint(other.encode(), lambda _path: JWKS),
            issuer=ISSUER,
            store=world.store,
            bus=world.bus,
            clock=world.clock,
            trace=TRACE,
        )
    (problem,) = refused.value.problems
    assert (problem.path, problem.found) == ("issuer.url", '"https://other.example"')
    assert await world.state() == before


@requirement("R-33")
async def test_a_suspended_client_stays_suspended() -> None:
    world = await World.begin(ORDERS, shop())
    await world.clients.suspend(ClientId("shop"), world.act)
    done = await world.apply(ORDERS, shop(access='orders = ["read", "write"]'))
    assert done.changed
    assert (await world.client()).suspended


@requirement("R-51")
async def test_secrets_made_by_the_command_line_survive_and_rotated_ones_stay_out() -> None:
    world = await World.begin(ORDERS, shop())
    rotated = await world.clients.rotate_secret(ClientId("shop"), world.act, overlap=Seconds(60))
    assert rotated.secret is not None
    held = (await world.client()).secrets
    world.clock.advance(3600)
    await world.apply(ORDERS, shop(), PAYMENTS)
    assert (await world.client()).secrets == held
    declared, made = held
    assert declared.digest == sha256(b"one").digest()
    assert declared.expires_at is not None
    assert declared.expires_at < world.clock.now()
    assert made.digest == sha256(rotated.secret.encode()).digest()
    assert made.expires_at is None


@requirement("R-51")
async def test_a_secret_that_is_no_longer_declared_ends_at_once() -> None:
    world = await World.begin(ORDERS, shop())
    rotated = await world.clients.rotate_secret(ClientId("shop"), world.act)
    await world.apply(ORDERS, shop("two"))
    secrets = (await world.client()).secrets
    assert rotated.secret is not None
    assert [secret.digest for secret in secrets] == [
        sha256(b"two").digest(),
        sha256(rotated.secret.encode()).digest(),
    ]


@requirement("R-51")
async def test_a_secret_made_by_the_command_line_can_be_taken_into_the_file() -> None:
    world = await World.begin(ORDERS, shop())
    rotated = await world.clients.rotate_secret(ClientId("shop"), world.act)
    assert rotated.secret is not None
    await world.apply(ORDERS, shop(rotated.secret))
    (secret,) = (await world.client()).secrets
    assert (secret.origin, secret.expires_at) == (Origin.BLUEPRINT, None)


@requirement("R-04", "G-1")
async def test_a_lowered_lifetime_is_remembered_until_its_last_token_has_expired() -> None:
    world = await World.begin(f"{ORDERS}\nlifetime = 600\n")

    async def longest(at: int) -> int:
        index = index_directory((await world.store.directory(ISSUER)).value)
        return longest_live_lifetime(index, now=Instant(at))

    lowered_at = world.clock.now()
    await world.apply(ORDERS + "\nlifetime = 60\n")
    assert await longest(lowered_at) == 600
    assert await longest(lowered_at + 605_000) == 600
    assert await longest(lowered_at + 608_000) == 60
    world.clock.advance(300)
    await world.apply(ORDERS + "\nlifetime = 30\n")
    assert await longest(lowered_at + 605_000) == 600
    assert await longest(lowered_at + 608_000) == 30


@requirement("R-04", "G-1")
async def test_a_lifetime_raised_and_lowered_again_is_remembered_from_the_last_time() -> None:
    long, short = f"{ORDERS}\nlifetime = 600\n", f"{ORDERS}\nlifetime = 60\n"
    world = await World.begin(
        long,
    )
    await world.apply(short)
    await world.apply(long)
    world.clock.advance(500)
    lowered_at = world.clock.now()
    await world.apply(short)
    (ceiling,) = (await world.store.directory(ISSUER)).value.ceilings
    assert ceiling.until == lowered_at + 607_000


@requirement("G-1")
async def test_a_record_outlives_the_tokens_of_a_resource_server_removed_with_the_client() -> None:
    world = await World.begin(f"{ORDERS}\nlifetime = 3600\n", PAYMENTS, shop())
    await world.apply(PAYMENTS)
    page = await world.store.feed_page(ISSUER, after=FIRST_HEAD, limit=9)
    assert isinstance(page, FeedPage)
    latest_expiry = world.clock.now() // 1000 + 3600 + 5
    assert {record.expires >= latest_expiry for record in page.records} == {True}
    ceilings = (await world.store.directory(ISSUER)).value.ceilings
    assert [ceiling.lifetime for ceiling in ceilings] == [3600]


class OvertakenStore(MemoryStore):
    """Another node changes the directory just before each of the first revocations commits."""

    def __init__(self, clock: ManualClock, *, times: int) -> None:
        super().__init__(clock=clock)
        self.times = times

    async def revoke(self, plan: RevokePlan):  # type: ignore[no-untyped-def]
        if self.times:
            self.times -= 1
            other = Client(
                id=ClientId(f"other-{self.times}"),
                name="",
                auth="client_secret_basic",
                access={},
                origin=Origin.CLI,
            )
            changes = (PutClient(other),)
            await self.change(ChangePlan(issuer=ISSUER, asked_at=START, changes=changes, audit=()))
        return await super().revoke(plan)


@requirement("R-51")
async def test_a_change_that_comes_between_is_read_before_the_next_attempt() -> None:
    world = World()
    world.store = OvertakenStore(world.clock, times=3)
    await world.store.create_issuer(ISSUER)
    await world.apply(ORDERS, shop())
    clients = await world.store.list_clients(ISSUER, after=None, limit=9)
    assert [client.id for client in clients] == ["other-0", "other-1", "other-2", "shop"]
    whole = [entry.event for entry in await world.audit()].count(AuditEvent.BLUEPRINT_APPLIED)
    assert whole == 1


parts = st.lists(
    st.sampled_from(
        [
            ORDERS,
            f"{ORDERS}\nlifetime = 60\n",
            ORDERS.replace("https://orders", "https://sales"),
            PAYMENTS,
            shop(access=""),
            shop("two", access=""),
            operator(),
            operator('"audit"'),
        ]
    ),
    unique_by=lambda part: part.strip().partition("]")[0],
)


@requirement("R-51")
@given(st.lists(parts, min_size=1, max_size=6))
async def test_the_store_ends_as_the_last_file_says_whatever_came_before(
    files: list[list[str]],
) -> None:
    world, fresh = await World.begin(), await World.begin()
    for file in files:
        await world.apply(*file)
        assert not (await world.apply(*file)).changed
    await fresh.apply(*files[-1])
    assert await world.state() == await fresh.state()
