"""Puts an authority together: the only module that names concrete adapters.

`Authority.open` reads the store and makes what is missing (the issuer, its keys, what the
blueprint declares), so that a listener never answers before everything it needs is there.
"""

import os
from pathlib import Path
from typing import Self

import msgspec
from starlette.types import ASGIApp as Application

from tokenry.audit.entry import AuditEvent
from tokenry.authority.client_authentication import (
    ClientAuthentication,
    ResourceServerAuthentication,
)
from tokenry.authority.clients import Clients
from tokenry.authority.evidence import Evidence
from tokenry.authority.facts import IssuerFacts
from tokenry.authority.feed_positions import FeedPositions
from tokenry.authority.feed_publisher import FeedPublisher
from tokenry.authority.introspection import Introspection
from tokenry.authority.key_ring import KeyRing
from tokenry.authority.key_rollover import KeyRollover
from tokenry.authority.operators import Operators
from tokenry.authority.presented_revocation import PresentedRevocation
from tokenry.authority.presented_token import PresentedTokens
from tokenry.authority.purge import Purge
from tokenry.authority.reconcile import Reconciled, reconcile
from tokenry.authority.refusals import RefusalSample
from tokenry.authority.revocation import Revocations
from tokenry.authority.ticker import Ticker
from tokenry.authority.token import TokenIssuance
from tokenry.blueprint.loading import LoadedBlueprint
from tokenry.buses.in_process import InProcessBus
from tokenry.ports.events import Events, Level
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Bus, Clock
from tokenry.protocol.metadata import WELL_KNOWN
from tokenry.resource.surroundings import SystemClock
from tokenry.signers.local import FileKeyWrapper, LocalSigner
from tokenry.stores.sqlite import SqliteStore, open_sqlite_store
from tokenry.telemetry import Metrics, Telemetry
from tokenry.vocabulary.identifiers import Entropy, IssuerUrl
from tokenry.vocabulary.instant import Seconds
from tokenry.web.admin import Administration, admin_application
from tokenry.web.feed import FeedEndpoints
from tokenry.web.introspection import IntrospectionEndpoint
from tokenry.web.jwks import JwksEndpoint
from tokenry.web.metadata import MetadataEndpoint
from tokenry.web.proxies import DeclaredProxies
from tokenry.web.public import GET, POST, STREAM, PublicApplication, Route, issuer_routes
from tokenry.web.revocation import RevocationEndpoint
from tokenry.web.token import TokenEndpoint
from tokenry.web.trace import TRACE_BYTES, fresh_trace


class Authority:
    """One issuer's authority on one node: applications to serve, work to run beside them.

    `open` makes it; `close` comes last, after the listeners have drained.
    """

    def __init__(self, *, issuer: IssuerUrl, store: Store, parts: "_Parts") -> None:
        self.issuer = issuer
        self._store = store
        self._parts = parts
        self.public = parts.public
        self.admin = parts.admin
        self.background = (
            parts.ticker.run,
            parts.publisher.run,
            parts.rollover.run,
            parts.purge.run,
        )

    @classmethod
    async def open(
        cls, loaded: LoadedBlueprint, *, data: Path, entropy: Entropy = os.urandom
    ) -> Self:
        """Open the data directory, apply the blueprint, have keys ready.

        Raises StoreInUse, DatabaseTooNew, StoreUnavailable, KeyFileRefused, BlueprintError.
        """
        clock = SystemClock()
        store = open_sqlite_store(data, clock=clock, entropy=entropy)
        try:
            issuer = IssuerUrl(loaded.declared.issuer.url)
            await store.create_issuer(issuer)
            is_new = not await store.signing_keys(issuer)
            wrapper = FileKeyWrapper.open(data, may_make=is_new, entropy=entropy)
            parts = _assemble(loaded, issuer, store, wrapper=wrapper, clock=clock, entropy=entropy)
            authority = cls(issuer=issuer, store=store, parts=parts)
            await authority.apply(loaded)
        except BaseException:
            await store.close()
            raise
        return authority

    async def apply(self, loaded: LoadedBlueprint) -> Reconciled:
        """Bring the store in line with a blueprint and make the keys it needs.

        The issuer and the listeners of a running authority stay what they are. Raises
        BlueprintError with nothing written.
        """
        parts = self._parts
        done = await reconcile(
            loaded,
            issuer=self.issuer,
            store=self._store,
            bus=parts.bus,
            clock=parts.clock,
            trace=fresh_trace(parts.entropy(TRACE_BYTES)),
            events=parts.events,
        )
        await parts.rollover.ensure()
        await parts.ring.refresh()
        return done

    def drain(self) -> None:
        """End open feed streams and the waits of those who read, so that listeners can stop."""
        self._parts.publisher.drain()
        self._parts.evidence.end_waits()

    async def close(self) -> None:
        """Commit what waits and let go of the data directory."""
        await self._parts.bus.close()
        await self._store.close()


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    public: Application
    admin: Application
    bus: Bus
    clock: Clock
    entropy: Entropy
    events: Events
    ring: KeyRing
    rollover: KeyRollover
    publisher: FeedPublisher
    evidence: Evidence
    ticker: Ticker
    purge: Purge


def _assemble(
    loaded: LoadedBlueprint,
    issuer: IssuerUrl,
    store: SqliteStore,
    *,
    wrapper: FileKeyWrapper,
    clock: Clock,
    entropy: Entropy,
) -> _Parts:
    bus = InProcessBus()
    metrics = Metrics()
    events = Telemetry(metrics)
    signer = LocalSigner(wrapper)
    max_age = Seconds(loaded.declared.keys.jwks_max_age)
    ring = KeyRing(issuer, store=store, signer=signer, max_age=max_age)
    ticker = Ticker(store=store, clock=clock, events=events)
    rollover = KeyRollover(
        ring=ring,
        store=store,
        signer=signer,
        bus=bus,
        clock=clock,
        clock_guard=ticker,
        entropy=entropy,
        events=events,
    )
    publisher = FeedPublisher(
        ring=ring,
        store=store,
        signer=signer,
        bus=bus,
        clock=clock,
        clock_guard=ticker,
        events=events,
    )
    facts = IssuerFacts(issuer=issuer, store=store, clock=clock)
    publisher.observers.append(facts.observe)
    ticker.ticked.append(publisher.beat)
    positions = FeedPositions(clock=clock)
    clients = ClientAuthentication(issuer=issuer, facts=facts)
    services = ResourceServerAuthentication(facts=facts, clock=clock)
    tokens = PresentedTokens(issuer=issuer, store=store, key_ring=ring)
    revocations = Revocations(
        issuer=issuer,
        store=store,
        facts=facts,
        tokens=tokens,
        keys=rollover,
        bus=bus,
        clock=clock,
        events=events,
    )
    presented_revocation = PresentedRevocation(
        issuer=issuer,
        store=store,
        facts=facts,
        authentication=clients,
        tokens=tokens,
        bus=bus,
        clock=clock,
        events=events,
    )
    issuance = TokenIssuance(
        issuer=issuer,
        store=store,
        facts=facts,
        authentication=clients,
        key_ring=ring,
        signer=signer,
        clock=clock,
        clock_guard=ticker,
        entropy=entropy,
        events=events,
    )
    introspection = Introspection(
        authentication=services,
        tokens=tokens,
        clock=clock,
        clock_guard=ticker,
        events=events,
    )
    feed = FeedEndpoints(
        publisher=publisher,
        positions=positions,
        key_ring=ring,
        authentication=services,
        clock=clock,
        entropy=entropy,
        events=events,
    )
    token = TokenEndpoint(issuance=issuance, entropy=entropy)
    revoke = RevocationEndpoint(revocation=presented_revocation, entropy=entropy)
    introspect = IntrospectionEndpoint(introspection=introspection, entropy=entropy)
    routes = {
        WELL_KNOWN: Route("metadata", MetadataEndpoint(issuer), GET, cors=True),
        "/jwks": Route("jwks", JwksEndpoint(ring.jwks, max_age=max_age), GET, cors=True),
        "/token": Route("token", token, POST, cors=True, keeps_refusals=True),
        "/revoke": Route("revoke", revoke, POST, keeps_refusals=True),
        "/introspect": Route("introspect", introspect, POST),
        "/feed": Route("feed", feed.stream, STREAM, stream=True),
        "/feed/range": Route("feed_range", feed.range, GET),
        "/feed/snapshot": Route("feed_snapshot", feed.snapshot, GET),
        "/feed/position": Route("feed_position", feed.position, POST),
        "/feed/jwks": Route("feed_jwks", feed.jwks, GET, cors=True),
    }
    declared = loaded.declared.listeners.public
    public = PublicApplication(
        issuer_routes(issuer, routes),
        entropy=entropy,
        events=events,
        refusals=RefusalSample(
            issuer=issuer, store=store, clock=clock, event=AuditEvent.REQUEST_REFUSED
        ),
        proxies=DeclaredProxies(declared.trusted_proxies, prefix=declared.proxy_prefix),
    )
    evidence = Evidence(issuer=issuer, store=store, clock=clock)
    administration = Administration(
        issuer=issuer,
        operators=Operators(issuer=issuer, store=store),
        clients=Clients(
            issuer=issuer, store=store, bus=bus, clock=clock, entropy=entropy, events=events
        ),
        revocations=revocations,
        rollover=rollover,
        evidence=evidence,
        positions=positions,
    )

    def tell_positions() -> None:
        if publisher.has_published:
            positions.tell(events, head=publisher.head)

    metrics.before_scrape.append(tell_positions)
    metrics.watch(Level.COMMIT_QUEUE_DEPTH, lambda: store.waiting_plans)

    def not_ready_because() -> str | None:
        if not publisher.has_published:
            return "the feed has not been published yet"
        return ticker.not_ready_because

    admin = admin_application(
        administration,
        store=store,
        clock=clock,
        entropy=entropy,
        events=events,
        not_ready_because=not_ready_because,
        render_metrics=metrics.render,
        metrics_content_type=metrics.content_type,
    )
    return _Parts(
        public=public,
        admin=admin,
        bus=bus,
        clock=clock,
        entropy=entropy,
        events=events,
        ring=ring,
        rollover=rollover,
        publisher=publisher,
        evidence=evidence,
        ticker=ticker,
        purge=Purge(store=store, events=events),
    )
