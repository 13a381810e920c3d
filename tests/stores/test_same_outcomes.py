"""Driven with the same plans, the stores in memory and on SQLite say and keep the same."""

import asyncio
import os
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.store_plans import (
    HOUR,
    ISSUER,
    OTHER_ISSUER,
    asked,
    ceiling,
    changing,
    claim,
    client,
    entry,
    issuance,
    key,
    number,
    operator,
    reference,
    resource_server,
    revocation,
    revoking,
    select,
)
from support.manual_clock import START, ManualClock
from support.requirement import requirement
from tokenry.feed.record import NEVER, RecordType
from tokenry.ports.plans import (
    IssuePlan,
    PutCeiling,
    PutClient,
    PutKey,
    PutOperator,
    PutResourceServer,
    RemoveClient,
    RemoveOperator,
    RemoveResourceServer,
)
from tokenry.protocol.registry import Origin
from tokenry.protocol.signing_key import KeyState
from tokenry.stores.memory import MemoryStore
from tokenry.stores.sqlite import open_sqlite_store
from tokenry.vocabulary.instant import Instant

# Few values of each, so that plans meet each other's traces often.
ISSUERS = st.sampled_from([ISSUER, OTHER_ISSUER])
NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = NAMES.map(select)
NUMBERS = st.integers(0, 12).map(number)
BEHIND = st.sampled_from([0, 0, 0, 1, 2, 5, -1])
"""How far a plan's facts lie behind the head, or the directory, when the plan comes."""
INSTANTS = st.integers(0, 40).map(lambda steps: Instant(START + steps * HOUR // 20))
CLAIMS = st.none() | st.builds(claim, NAMES, INSTANTS)
REFERENCES = st.none() | st.builds(
    lambda name, end: reference(name, expires=end // 1000),
    st.uuids(version=4).map(str),
    INSTANTS,
)
ISSUANCES = st.builds(
    issuance,
    st.just("issued"),
    issuer=ISSUERS,
    rsn=BEHIND,
    directory=BEHIND,
    selectors=st.frozensets(TARGETS),
    claim=CLAIMS,
    reference=REFERENCES,
)
REVOCATIONS = st.builds(
    revocation,
    TARGETS,
    type=st.sampled_from(RecordType),
    expires=INSTANTS.map(lambda end: end // 1000) | st.just(NEVER),
    repeatable=st.booleans(),
    floor_until=INSTANTS,
)
STATES = st.sampled_from(KeyState)
CHANGES = st.one_of(
    st.builds(PutClient, st.builds(client, NAMES, origin=st.sampled_from(Origin))),
    st.builds(RemoveClient, NAMES),
    st.builds(PutResourceServer, st.builds(resource_server, NAMES)),
    st.builds(RemoveResourceServer, NAMES),
    st.builds(PutOperator, st.builds(operator, NAMES)),
    st.builds(RemoveOperator, NAMES),
    st.builds(PutCeiling, st.builds(ceiling, NAMES, st.integers(1, 3))),
    st.builds(PutKey, st.builds(key, NAMES, STATES), st.none() | STATES),
)
REVOKE_PLANS = st.builds(
    lambda targets, **fields: revoking(*targets, **fields),
    st.lists(REVOCATIONS, max_size=3),
    issuer=ISSUERS,
    changes=st.lists(CHANGES, max_size=2).map(tuple),
    directory=st.none() | BEHIND,
    idempotency=st.none()
    | st.builds(asked, NAMES, digest=st.sampled_from([b"d" * 32, b"e" * 32]), until=INSTANTS),
    claim=CLAIMS,
)
CHANGE_PLANS = st.builds(
    lambda changes, **fields: changing(*changes, **fields),
    st.lists(CHANGES, max_size=3),
    issuer=ISSUERS,
    directory=st.none() | BEHIND,
)


class BothStores(RuleBasedStateMachine):
    """Everything is asked of both; what they answer and keep must be equal."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.stores = (
            MemoryStore(clock=self.clock),
            open_sqlite_store(Path(self.directory.name), clock=self.clock, entropy=os.urandom),
        )

    def both(self, ask):
        """Ask both, and require the same answer."""

        async def of(store):
            return await ask(store)

        memory, sqlite = (self.loop.run_until_complete(of(store)) for store in self.stores)
        assert memory == sqlite
        return memory

    @initialize()
    def begin(self):
        for issuer in (ISSUER, OTHER_ISSUER):
            self.both(lambda store, issuer=issuer: store.create_issuer(issuer))

    def placed(self, plan):
        """The plan with its facts where they lie, now that it is known where the head is."""
        head = self.both(lambda store: store.head(plan.issuer))
        places = {}
        if plan.directory is not None:
            places["directory"] = max(0, head.directory - plan.directory)
        if isinstance(plan, IssuePlan):
            places["rsn"] = max(number(0), head.seq - plan.rsn)
        return msgspec.structs.replace(plan, **places)

    @rule(plan=ISSUANCES)
    def issue(self, plan):
        plan = self.placed(plan)
        self.both(lambda store: store.issue(plan))

    @rule(plans=st.lists(ISSUANCES, min_size=2, max_size=6))
    def issue_together(self, plans):
        plans = [self.placed(plan) for plan in plans]
        self.both(lambda store: asyncio.gather(*map(store.issue, plans)))

    @rule(plan=REVOKE_PLANS)
    def revoke(self, plan):
        plan = self.placed(plan)
        self.both(lambda store: store.revoke(plan))

    @rule(plans=st.lists(REVOKE_PLANS, min_size=2, max_size=4))
    def revoke_one_after_another(self, plans):
        for plan in plans:
            self.revoke(plan)

    @rule(plan=CHANGE_PLANS)
    def change(self, plan):
        plan = self.placed(plan)
        self.both(lambda store: store.change(plan))

    @rule(issuers=st.lists(ISSUERS, min_size=1, max_size=3), claim=CLAIMS)
    def record(self, issuers, claim):
        entries = tuple(entry("recorded", issuer=issuer) for issuer in issuers)
        self.both(lambda store: store.record(entries, claim=claim))

    @rule(minutes=st.integers(-2, 30))
    def tick(self, minutes):
        self.clock.advance(minutes * 60)
        self.both(lambda store: store.tick())

    @rule(limit=st.integers(1, 3) | st.just(100))
    def purge(self, limit):
        self.both(lambda store: store.purge(limit=limit))

    @rule(issuer=ISSUERS, after=st.integers(0, 12), limit=st.integers(1, 5) | st.just(100))
    def read_a_page(self, issuer, after, limit):
        head = self.both(lambda store: store.head(issuer))
        if number(after) <= head.seq:
            self.both(lambda store: store.feed_page(issuer, after=number(after), limit=limit))

    @rule(issuer=ISSUERS, selectors=st.frozensets(TARGETS), rsn=NUMBERS)
    def ask_whether_revoked(self, issuer, selectors, rsn):
        self.both(lambda store: store.is_revoked(issuer, selectors=selectors, rsn=rsn))

    @invariant()
    def both_keep_the_same(self):
        for issuer in (ISSUER, OTHER_ISSUER):
            for read in (
                lambda store, issuer=issuer: store.head(issuer),
                lambda store, issuer=issuer: store.live_records(issuer),
                lambda store, issuer=issuer: store.directory(issuer),
                lambda store, issuer=issuer: store.list_clients(issuer, after=None, limit=9),
                lambda store, issuer=issuer: store.signing_keys(issuer),
                lambda store, issuer=issuer: store.audit_entries(issuer, after=0, limit=999),
                lambda store, issuer=issuer: store.last_audit_id(issuer),
            ):
                self.both(read)

    def teardown(self):
        for store in self.stores:
            self.loop.run_until_complete(store.close())
        self.loop.close()
        self.directory.cleanup()


@requirement("G-1", "G-2", "G-4")
class TestBothStores(BothStores.TestCase):
    settings = settings(
        max_examples=25,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
