"""G-1 as a model: any interleaving of issuing, caching, revoking, losing news and restarting.

A synchronized verifier refuses exactly what a record kills; one that is behind never takes back a
refusal. The model knows nothing of views, caches and frames: it compares numbers.
"""

import asyncio

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from support.background import a_while
from support.requirement import requirement
from tokenry.resource import Reason, Tier, TokenRefused
from tokenry.resource.testing import TestingIssuer
from tokenry.vocabulary.sequence import SequenceNumber

AUDIENCE = "https://orders.test"
FEW = st.sampled_from(["1", "2"])
OPTIONAL = st.none() | FEW
MEMBERS = st.fixed_dictionaries(
    {"client_id": FEW, "subject": FEW, "grant": FEW, "session": OPTIONAL, "device": OPTIONAL}
)
LIFETIME = 300
LEEWAY = 5


class Issued(msgspec.Struct, frozen=True):
    """A token, and all by which it can be revoked."""

    token: str
    ids: frozenset[tuple[str, str]]
    rsn: int
    expires_at: int
    members: dict[str, str]


class Facts(msgspec.Struct, frozen=True):
    """What an issuance has read, and at which number."""

    members: dict[str, str]
    rsn: int


class RevocationModel(RuleBasedStateMachine):
    """One verifier, on a network that does what it likes."""

    facts = Bundle("facts")
    tokens = Bundle("tokens")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.issuer = TestingIssuer()
        self.issuer.resource_server(AUDIENCE, max_token_lifetime=LIFETIME, leeway=LEEWAY)
        self.events = []
        self.verifier = self.issuer.verifier(AUDIENCE, on_event=self.events.append)
        self.run(self.verifier.start())
        self.issued: list[Issued] = []
        self.records: list[tuple[str, str, int]] = []
        self.refused: set[str] = set()

    def teardown(self):
        self.run(self.verifier.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    @initialize(target=tokens, members=st.lists(MEMBERS, min_size=3, max_size=6))
    def begin_with_some_tokens(self, members):
        return multiple(*(self._issue_at_once(each) for each in members))

    @rule(target=facts, members=MEMBERS)
    def read_facts(self, members):
        return self._facts(members)

    @rule(target=tokens, facts=facts, opaque=st.booleans())
    def issue(self, facts, opaque):
        # Facts may be old: whatever was revoked since kills the token at its birth.
        return self._issue(facts.members, facts.rsn, LIFETIME, opaque=opaque)

    @rule(target=tokens, members=MEMBERS)
    def issue_at_once(self, members):
        return self._issue_at_once(members)

    @rule(target=tokens, parents=st.lists(tokens, min_size=1, max_size=2), client_id=FEW)
    def exchange(self, parents, client_id):
        # A token made of tokens: their ids, the lowest of their numbers, none of their time over.
        members = {}
        for parent in parents:
            members = parent.members | members
        left = min(parent.expires_at for parent in parents) - self.issuer.clock.now() // 1000
        rsn = min(parent.rsn for parent in parents)
        return self._issue(members | {"client_id": client_id}, rsn, max(1, left), opaque=False)

    @rule(token=tokens)
    def present(self, token):
        self._ask(token)

    @rule(kind=st.sampled_from(["subject", "session", "device", "client", "grant"]), value=FEW)
    def revoke(self, kind, value):
        self.records.append((kind, value, self.issuer.revoke(kind, value)))

    @rule(token=tokens, at=st.integers(0, 7))
    def revoke_by_one_of_its_ids(self, token, at):
        kind, value = sorted(token.ids)[at % len(token.ids)]
        self.records.append((kind, value, self.issuer.revoke(kind, value)))

    @rule(seconds=st.sampled_from([0.5, 1, 4]))
    def time_passes(self, seconds):
        self.issuer.advance(seconds)

    @rule()
    def much_time_passes(self):
        for _ in range(4):
            self.issuer.advance(40)
            self.synchronize()

    @rule(holding=st.booleans())
    def hold_back(self, holding):
        self.issuer.network.holding = holding

    @rule(data=st.data())
    def deliver_some(self, data):
        held = self.issuer.network.held
        if held:
            for at in data.draw(st.lists(st.integers(0, len(held) - 1), max_size=4)):
                self.issuer.network.deliver(held[at])

    @rule()
    def lose_what_is_held(self):
        self.issuer.network.held.clear()

    @rule()
    def keep_fewer_records(self):
        self.issuer.endpoints.kept_after = self.issuer.head

    @rule()
    def break_connection(self):
        self.issuer.network.break_streams()

    @rule()
    def restart(self):
        self.run(self.verifier.close())
        self.run(self.verifier.start())

    @rule()
    def synchronize(self):
        """Let news through, until the verifier knows that it has all of it."""
        self.issuer.network.holding = False
        self.issuer.network.held.clear()

        async def caught_up():
            for _ in range(100):
                if self.verifier.head == self.issuer.head and self.verifier.tier is Tier.FRESH:
                    return
                self.issuer.advance(1)
                await a_while()
            raise AssertionError(f"not synchronized: {self.events[-8:]}")

        self.run(caught_up())

    @invariant()
    def what_is_synchronized_is_exact_and_refusals_stand(self):
        self.run(a_while())
        head, tier = self.verifier.head, self.verifier.tier
        synchronized = head == self.issuer.head and tier is Tier.FRESH
        for token in self.issued:
            accepted = self._ask(token)
            if synchronized:
                assert accepted is self._should_be_accepted(token), (token, self.records)
            assert not (accepted and token.token in self.refused)

    def _facts(self, members):
        return Facts({k: v for k, v in members.items() if v is not None}, self.issuer.head)

    def _issue_at_once(self, members):
        facts = self._facts(members)
        return self._issue(facts.members, facts.rsn, LIFETIME, opaque=False)

    def _issue(self, members, rsn, lifetime, *, opaque):
        mint = self.issuer.mint_opaque if opaque else self.issuer.mint
        token_id = f"jti-{len(self.issued)}"
        token = mint(
            audience=AUDIENCE,
            scope="x",
            token_id=token_id,
            rsn=SequenceNumber(rsn),
            lifetime=lifetime,
            **members,
        )
        kinds = {"client_id": "client"}
        ids = {(kinds.get(name, name), value) for name, value in members.items()}
        ids |= {("jti", token_id), ("audience", AUDIENCE), ("issuer", self.issuer.url)}
        expires_at = self.issuer.clock.now() // 1000 + lifetime
        issued = Issued(token, frozenset(ids), rsn, expires_at, members)
        self.issued.append(issued)
        return issued

    def _ask(self, token) -> bool:
        try:
            self.run(self.verifier.verify(self.issuer.request(token.token)))
        except TokenRefused as refused:
            if refused.reason in {Reason.REVOKED, Reason.EXPIRED, Reason.INACTIVE}:
                self.refused.add(token.token)
            return False
        return True

    def _should_be_accepted(self, token) -> bool:
        killed = any((k, v) in token.ids and token.rsn < number for k, v, number in self.records)
        return not killed and self.issuer.clock.now() < (token.expires_at + LEEWAY) * 1000


@requirement("G-1", "R-31", "R-32", "R-33", "R-35", "R-42")
class TestRevocationModel(RevocationModel.TestCase):
    settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
