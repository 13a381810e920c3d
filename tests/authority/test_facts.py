"""Remembered facts never claim to have been read later than they were (G-1)."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.manual_clock import ManualClock
from support.requirement import requirement
from support.taking_part import ISSUER, ORDERS_URI, client, directory
from tokenry.authority.facts import MAX_UNKNOWN_CLIENTS, MAX_UNOBSERVED, IssuerFacts
from tokenry.feed.record import Record, RecordType
from tokenry.ports.store import FeedPage, Head, Sighted
from tokenry.vocabulary.selectors import SelectorKind, selector
from tokenry.vocabulary.sequence import FIRST_HEAD


class WatchedStore:
    """Reads as a store does, and counts them. State changes only by what a test calls."""

    def __init__(self) -> None:
        self.records = []
        self.clients = {"shop": client()}
        self.version = 1
        self.reads = 0
        self.before_return = lambda: None

    @property
    def seq(self):
        return FIRST_HEAD + len(self.records)

    def head_now(self):
        return Head(
            seq=self.seq, chain=bytes(32), closed=0, directory=self.version, profiles=self.version
        )

    async def head(self, issuer):
        return self.head_now()

    async def find_client(self, issuer, client_id):
        self.reads += 1
        found = Sighted(self.clients.get(client_id), self.seq, self.version)
        self.before_return()
        return found

    async def directory(self, issuer):
        self.reads += 1
        found = Sighted(directory(), self.seq, self.version)
        self.before_return()
        return found

    def revoke(self, kind, id_):
        seq = self.seq + 1
        named = selector(ISSUER, SelectorKind(kind), id_)
        self.records.append(Record(seq, RecordType.SELECTOR, named, seq, 1 << 40))
        return seq

    def page(self, after, limit=500):
        start = after - FIRST_HEAD
        return FeedPage(self.head_now(), bytes(32), tuple(self.records[start : start + limit]))


@pytest.fixture
def store():
    return WatchedStore()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def facts(store, clock):
    made = IssuerFacts(issuer=ISSUER, store=store, clock=clock, max_clients=3)
    made.observe(store.page(FIRST_HEAD))
    return made


async def test_a_fact_is_read_once(facts, store):
    for _ in range(3):
        assert (await facts.client("shop")).value == client()
        assert (await facts.client("nobody")).value is None
        assert ORDERS_URI in (await facts.directory()).value.by_audience
    assert store.reads == 3


@requirement("G-1")
async def test_records_that_do_not_name_a_fact_advance_it(facts, store):
    await facts.client("shop")
    await facts.directory()
    store.revoke("client", "another")
    last = store.revoke("jti", "some-token")
    facts.observe(store.page(FIRST_HEAD))
    assert (await facts.client("shop")).rsn == last
    assert (await facts.directory()).rsn == last
    assert store.reads == 2


@requirement("G-1")
@pytest.mark.parametrize(
    ("kind", "id_"), [("client", "shop"), ("subject", "shop"), ("issuer", ISSUER)]
)
async def test_a_record_that_names_a_client_makes_it_be_read_again(facts, store, kind, id_):
    await facts.client("shop")
    seq = store.revoke(kind, id_)
    facts.observe(store.page(FIRST_HEAD))
    assert (await facts.client("shop")).rsn == seq
    assert store.reads == 2


@requirement("G-1")
@pytest.mark.parametrize(("kind", "id_"), [("audience", ORDERS_URI), ("issuer", ISSUER)])
async def test_a_record_that_names_an_audience_makes_the_directory_be_read_again(
    facts, store, kind, id_
):
    await facts.directory()
    store.revoke(kind, id_)
    facts.observe(store.page(FIRST_HEAD))
    await facts.directory()
    assert store.reads == 2


@requirement("G-1")
async def test_what_was_read_after_the_record_stays(facts, store):
    seq = store.revoke("client", "shop")
    assert (await facts.client("shop")).rsn == seq
    facts.observe(store.page(FIRST_HEAD))
    assert (await facts.client("shop")).rsn == seq
    assert store.reads == 1


@requirement("G-1")
async def test_a_read_that_a_page_overtook_is_used_once_and_not_kept(facts, store):
    def overtake():
        store.before_return = lambda: None
        store.revoke("client", "shop")
        facts.observe(store.page(FIRST_HEAD))

    store.before_return = overtake
    assert (await facts.client("shop")).rsn == FIRST_HEAD
    assert (await facts.client("shop")).rsn == FIRST_HEAD + 1
    assert store.reads == 2


@requirement("G-1")
async def test_a_read_begun_before_forgetting_is_not_kept(facts, store):
    store.before_return = facts.forget
    await facts.client("shop")
    store.before_return = lambda: None
    await facts.client("shop")
    assert store.reads == 2


@requirement("G-1")
async def test_a_gap_between_pages_forgets_everything(facts, store):
    await facts.client("shop")
    await facts.directory()
    store.revoke("client", "shop")
    store.revoke("jti", "x")
    facts.observe(store.page(FIRST_HEAD + 1))
    assert (await facts.client("shop")).rsn == FIRST_HEAD + 2
    await facts.directory()
    assert store.reads == 4


async def test_a_page_read_again_changes_nothing(facts, store):
    store.revoke("client", "shop")
    old = store.page(FIRST_HEAD)
    store.revoke("client", "shop")
    facts.observe(store.page(FIRST_HEAD))
    await facts.client("shop")
    facts.observe(old)
    assert (await facts.client("shop")).rsn == FIRST_HEAD + 2
    assert store.reads == 1


@requirement("G-1")
async def test_a_new_directory_version_forgets_everything(facts, store):
    await facts.client("shop")
    await facts.client("nobody")
    await facts.directory()
    store.version += 1
    store.clients["nobody"] = client("nobody")
    facts.observe(store.page(FIRST_HEAD))
    assert (await facts.client("nobody")).value is not None
    await facts.client("shop")
    await facts.directory()
    assert store.reads == 6


async def test_a_read_that_shows_a_new_version_forgets_the_rest_too(facts, store):
    await facts.client("shop")
    store.version += 1
    assert (await facts.directory()).directory == 2
    assert (await facts.client("shop")).directory == 2


@requirement("G-1")
async def test_nothing_is_remembered_before_the_first_page(store, clock):
    facts = IssuerFacts(issuer=ISSUER, store=store, clock=clock)
    await facts.client("shop")
    await facts.client("shop")
    await facts.directory()
    await facts.directory()
    assert store.reads == 4


@requirement("G-1")
async def test_without_pages_nothing_remembered_is_used(facts, store, clock):
    await facts.client("shop")
    clock.advance(MAX_UNOBSERVED)
    await facts.client("shop")
    assert store.reads == 2
    facts.observe(store.page(FIRST_HEAD))
    await facts.client("shop")
    assert store.reads == 2


@requirement("G-8")
async def test_what_is_remembered_is_bounded(facts, store):
    store.clients |= {f"c{n}": client(f"c{n}") for n in range(10)}
    for n in range(10):
        await facts.client(f"c{n}")
    store.reads = 0
    for n in (9, 8, 7):
        await facts.client(f"c{n}")
    assert store.reads == 0
    await facts.client("c0")
    assert store.reads == 1


@requirement("G-8")
async def test_guessed_ids_push_out_no_client(facts, store):
    await facts.client("shop")
    for n in range(MAX_UNKNOWN_CLIENTS + 10):
        await facts.client(f"guess-{n}")
    store.reads = 0
    await facts.client("shop")
    assert store.reads == 0


async def test_a_refusal_can_ask_whether_anything_changed(facts, store):
    await facts.directory()
    assert await facts.are_current(facts.version)
    store.version += 1
    assert not await facts.are_current(facts.version)


class World:
    """Reads, revocations, changes, pages (late, cut short, repeated), gaps, waiting, forgetting.

    The store is watched: each fact that is handed out shows by its client's name how old it is,
    and hence which records it could not have taken notice of.
    """

    def __init__(self) -> None:
        self.store = WatchedStore()
        self.store.clients = {}
        self.clock = ManualClock()
        # Room for one client, so that another pushes it out.
        self.facts = IssuerFacts(issuer=ISSUER, store=self.store, clock=self.clock, max_clients=2)
        self.observed = FIRST_HEAD
        self.names = count()
        self.given = []
        for id_ in IDS:
            self.write(id_)
        self.store.before_return = self.overtake
        self.overtaking = []
        self.observe()

    def overtake(self):
        steps, self.overtaking = self.overtaking, []
        for name, *arguments in steps:
            getattr(self, name)(*arguments)

    def write(self, id_):
        name = str(next(self.names))
        self.store.clients[id_] = client(id_, name=name)
        self.given.append((int(name), id_, self.store.seq))

    def revoke(self, kind, id_):
        """A record, and the change of what it names, in one transaction."""
        self.store.revoke(kind, ISSUER if kind == "issuer" else id_)
        for each in IDS:
            if kind == "issuer" or (each == id_ and kind in {"client", "subject"}):
                self.write(each)

    def change(self, id_):
        self.store.version += 1
        self.write(id_)

    def observe(self, limit=500):
        page = self.store.page(self.observed, limit)
        self.facts.observe(page)
        if page.records:
            self.observed = page.records[-1].seq

    def observe_again(self, back):
        self.facts.observe(self.store.page(max(FIRST_HEAD, self.observed - back)))

    def observe_after_a_gap(self):
        self.observed = self.store.seq
        self.observe()

    def wait(self, seconds):
        self.clock.advance(seconds)

    def forget(self):
        self.facts.forget()

    def read_overtaken(self, id_, *steps):
        """During the read the steps are taken, before it returns."""
        self.overtaking = list(steps)
        self.read(id_)
        self.overtaking = []

    def read(self, id_):
        reading = self.facts.client(id_)
        try:
            reading.send(None)
        except StopIteration as done:
            sighted = done.value
        shown = int(sighted.value.name)
        assert sighted.rsn <= self.store.seq
        for name, owner, seq in self.given:
            # A change that this fact does not show: its record catches what is issued on the
            # fact, or the issuing transaction finds that the directory has moved.
            if owner == id_ and name > shown:
                assert seq > sighted.rsn or sighted.directory < self.store.version


IDS = ("shop", "kiosk", "till")
ID = st.sampled_from(IDS)
REVOKE = st.tuples(
    st.just("revoke"), st.sampled_from(["client", "client", "subject", "issuer", "jti"]), ID
)
CHANGE = st.tuples(st.just("change"), ID)
OBSERVE = st.tuples(st.just("observe"), st.sampled_from([1, 2, 500]))
STEPS = {
    REVOKE: 4,
    CHANGE: 1,
    OBSERVE: 5,
    st.tuples(st.just("observe_again"), st.integers(0, 3)): 1,
    st.just(("observe_after_a_gap",)): 2,
    st.tuples(st.just("wait"), st.sampled_from([1, 20])): 1,
    st.just(("forget",)): 1,
    st.tuples(st.just("read"), ID): 8,
    st.tuples(st.just("read_overtaken"), ID, REVOKE | CHANGE | st.just(("forget",)), OBSERVE): 4,
}
STEP = st.sampled_from([step for step, weight in STEPS.items() for _ in range(weight)]).flatmap(
    lambda step: step
)


@requirement("G-1")
@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, min_size=10, max_size=60))
def test_a_token_issued_on_remembered_facts_falls_to_every_revocation_they_did_not_see(steps):
    world = World()
    for name, *arguments in steps:
        getattr(world, name)(*arguments)
