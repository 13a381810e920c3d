"""One node of an authority on the memory store, wired as in production but for the network."""

import os

import msgspec

from support.manual_clock import ManualClock
from support.taking_part import ISSUER, ORDERS, PAYMENTS, SECRET, SERVER_SECRET, client
from tokenry.audit.entry import decode_entry
from tokenry.authority.client_authentication import (
    ClientAuthentication,
    ResourceServerAuthentication,
)
from tokenry.authority.facts import IssuerFacts
from tokenry.authority.introspection import Introspection, IntrospectionRequest
from tokenry.authority.key_ring import KeyRing
from tokenry.authority.key_rollover import KeyRollover
from tokenry.authority.presented_revocation import PresentedRevocation, RevocationRequest
from tokenry.authority.presented_token import PresentedTokens
from tokenry.authority.revocation import Revocations
from tokenry.authority.ticker import Ticker
from tokenry.authority.token import HANDLES_BYTES, TokenIssuance
from tokenry.buses.in_process import InProcessBus
from tokenry.jose import KeySet, verify_compact
from tokenry.ports.events import UNHEARD
from tokenry.ports.plans import ChangePlan, PutClient, PutResourceServer
from tokenry.protocol.access_token import decode_claims
from tokenry.protocol.client_auth import BasicCredentials, PresentedSecret
from tokenry.protocol.token_request import TokenRequest
from tokenry.signers.local import FileKeyWrapper, LocalSigner
from tokenry.stores.memory import MemoryStore
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE
from tokenry.vocabulary.selectors import SelectorKind

TRACE = "0af7651916cd43dd8448eb211c80319c"
OPERATOR = "operator:alice"


class IssuingNode:
    """Made with `await IssuingNode.started(directory)`: keys, two resource servers, a client."""

    def __init__(self, directory, *, store=None, clock=None, events=UNHEARD) -> None:
        self.clock = clock or ManualClock()
        self.store = store or MemoryStore(clock=self.clock)
        self.bus = InProcessBus()
        self.announced = []
        self.bus.subscribe(self.announced.append)
        self.signer = LocalSigner(FileKeyWrapper.open(directory))
        self.ring = KeyRing(ISSUER, store=self.store, signer=self.signer, max_age=300)
        self.ticker = Ticker(store=self.store, clock=self.clock, events=events)
        self.rollover = KeyRollover(
            ring=self.ring,
            store=self.store,
            signer=self.signer,
            bus=self.bus,
            clock=self.clock,
            clock_guard=self.ticker,
            entropy=os.urandom,
            events=events,
        )
        self.facts = IssuerFacts(issuer=ISSUER, store=self.store, clock=self.clock)
        self.authentication = ClientAuthentication(issuer=ISSUER, facts=self.facts)
        self.issuance = TokenIssuance(
            issuer=ISSUER,
            store=self.store,
            facts=self.facts,
            authentication=self.authentication,
            key_ring=self.ring,
            signer=self.signer,
            clock=self.clock,
            clock_guard=self.ticker,
            entropy=os.urandom,
            events=events,
        )
        self.tokens = PresentedTokens(issuer=ISSUER, store=self.store, key_ring=self.ring)
        self.introspection = Introspection(
            authentication=ResourceServerAuthentication(facts=self.facts, clock=self.clock),
            tokens=self.tokens,
            clock=self.clock,
            clock_guard=self.ticker,
            events=events,
        )
        self.revocations = Revocations(
            issuer=ISSUER,
            store=self.store,
            facts=self.facts,
            tokens=self.tokens,
            keys=self.rollover,
            bus=self.bus,
            clock=self.clock,
            events=events,
        )
        self.presented_revocation = PresentedRevocation(
            issuer=ISSUER,
            store=self.store,
            facts=self.facts,
            authentication=self.authentication,
            tokens=self.tokens,
            bus=self.bus,
            clock=self.clock,
            events=events,
        )
        self._observed = None

    @classmethod
    async def started(cls, directory, **options) -> "IssuingNode":
        node = cls(directory, **options)
        await node.store.create_issuer(ISSUER)
        await node.put(ORDERS, PAYMENTS, client())
        await node.rollover.ensure()
        await node.observe()
        return node

    async def put(self, *objects) -> None:
        """Write clients and resource servers, as an operator on another node would."""
        changes = tuple(
            PutClient(each) if hasattr(each, "access") else PutResourceServer(each)
            for each in objects
        )
        plan = ChangePlan(issuer=ISSUER, asked_at=self.clock.now(), changes=changes, audit=())
        await self.store.change(plan)

    async def observe(self) -> None:
        """Read one page, as the publisher would, and tell the facts."""
        after = self._observed
        if after is None:
            after = (await self.store.head(ISSUER)).seq
        page = await self.store.feed_page(ISSUER, after=after, limit=500)
        self.facts.observe(page)
        self._observed = page.records[-1].seq if page.records else after

    async def issue(self, presented=None, *, scope="orders.read", resources=(), **changes):
        request = TokenRequest(
            changes.get("grant_type", "client_credentials"),
            presented or PresentedSecret("shop", "client_secret_basic", SECRET),
            scope,
            tuple(resources),
        )
        return await self.issuance.issue(request, trace=TRACE, handles=os.urandom(HANDLES_BYTES))

    async def introspect(self, token, name="orders", secret=None):
        presented = BasicCredentials(name, secret or SERVER_SECRET)
        answer = await self.introspection.introspect(IntrospectionRequest(token, presented))
        return msgspec.json.decode(answer)

    async def revoke_as_client(self, token, presented=None) -> None:
        presented = presented or PresentedSecret("shop", "client_secret_basic", SECRET)
        await self.presented_revocation.revoke(RevocationRequest(token, presented), trace=TRACE)

    async def revoke(self, kind, id_, **options):
        return await self.revocations.revoke(
            SelectorKind(kind), id_, actor=OPERATOR, trace=TRACE, **options
        )

    async def records(self):
        page = await self.store.feed_page(ISSUER, after=1 << 40, limit=1000)
        return page.records

    async def audit(self):
        stored = await self.store.audit_entries(ISSUER, after=0, limit=10_000)
        return [decode_entry(each.entry) for each in stored]

    def verified(self, token):
        """Verify a JWT by the published key set, as any resource server could."""
        keys = KeySet.from_jwks(self.ring.jwks())
        found = verify_compact(token, expected_type=ACCESS_TOKEN_TYPE, find_key=keys.find)
        return decode_claims(found.payload)
