"""A node's feed on the memory store, and a follower that believes only what is signed."""

import os
from hashlib import sha256

import msgspec

from support.manual_clock import ManualClock
from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.feed_publisher import FeedPublisher
from tokenry.authority.feed_signing import FeedType
from tokenry.authority.key_ring import KeyRing
from tokenry.authority.key_rollover import KeyRollover
from tokenry.authority.ticker import Ticker
from tokenry.buses.in_process import InProcessBus
from tokenry.feed.frame import Frame, parse_frame
from tokenry.feed.heartbeat import Heartbeat, parse_heartbeat
from tokenry.feed.profile import Profile, parse_profile
from tokenry.feed.record import RecordType
from tokenry.feed.snapshot import load_snapshot, parse_manifest, split_snapshot
from tokenry.feed.staleness import ClockReading
from tokenry.feed.view import RevocationView
from tokenry.jose import KeySet, one_of, verify_compact
from tokenry.ports.events import UNHEARD
from tokenry.ports.plans import ChangePlan, PutResourceServer, Revocation, RevokePlan
from tokenry.protocol.registry import Origin, ResourceServer, Scope, Secret
from tokenry.signers.local import FileKeyWrapper, LocalSigner
from tokenry.stores.memory import MemoryStore
from tokenry.vocabulary.identifiers import Audience, IssuerUrl, ResourceServerName, TraceId
from tokenry.vocabulary.instant import Seconds, later
from tokenry.vocabulary.selectors import SelectorKind, selector

ISSUER = IssuerUrl("https://auth.example")
ORDERS = ResourceServerName("orders")
PAYMENTS = ResourceServerName("payments")
SECRET = "tkv_" + "s" * 43
TRACE = TraceId("0" * 32)


def resource_server(name=ORDERS, **changes) -> ResourceServer:
    server = ResourceServer(
        name=name,
        audience=Audience(f"https://{name}.example"),
        scopes={f"{name}.read": Scope(low_risk=True), f"{name}.write": Scope()},
        token_format="jwt",
        algorithm="ES256",
        lifetime=Seconds(300),
        leeway=Seconds(5),
        fresh=Seconds(5),
        reduced=Seconds(60),
        survival=None,
        secrets=(Secret(digest=sha256(SECRET.encode()).digest(), created_at=0),),
        origin=Origin.BLUEPRINT,
    )
    return msgspec.structs.replace(server, **changes)


class FeedNode:
    """Built with `await FeedNode.started(directory)`: keys made, one resource server, head read."""

    def __init__(self, directory, *, store=None, clock=None, events=UNHEARD, **options) -> None:
        self.clock = clock or ManualClock()
        self.store = store or MemoryStore(clock=self.clock)
        self.bus = InProcessBus()
        self.signer = LocalSigner(FileKeyWrapper.open(directory))
        self.ring = KeyRing(ISSUER, store=self.store, signer=self.signer, max_age=Seconds(300))
        self.ticker = Ticker(store=self.store, clock=self.clock, events=events)
        parts = {
            "store": self.store,
            "signer": self.signer,
            "bus": self.bus,
            "clock": self.clock,
            "clock_guard": self.ticker,
        }
        self.rollover = KeyRollover(ring=self.ring, entropy=os.urandom, events=events, **parts)
        self.publisher = FeedPublisher(ring=self.ring, events=events, **parts, **options)

    @classmethod
    async def started(cls, directory, **options) -> "FeedNode":
        node = cls(directory, **options)
        await node.store.create_issuer(ISSUER)
        await node.rollover.ensure()
        await node.put(resource_server())
        await node.store.tick()
        await node.publisher.publish()
        return node

    async def put(self, *servers) -> None:
        await self.change(*(PutResourceServer(server) for server in servers))

    async def change(self, *changes) -> None:
        plan = ChangePlan(issuer=ISSUER, asked_at=self.clock.now(), changes=changes, audit=())
        await self.store.change(plan)

    async def revoke(self, *ids, lifetime=305, kind=SelectorKind.JTI, changes=()) -> None:
        """Commit a record for each id; the publisher is not told."""
        revocations = tuple(
            Revocation(
                type=RecordType.KEY if kind is SelectorKind.KEY else RecordType.SELECTOR,
                selector=selector(ISSUER, kind, each),
                expires=self.clock.now() // 1000 + lifetime,
                repeatable=True,
                floor_until=later(self.clock.now(), Seconds(lifetime)),
            )
            for each in ids
        )
        entry = AuditEntry(
            at=self.clock.now(), event=AuditEvent.REVOKED, issuer=ISSUER, actor="t", trace=TRACE
        )
        await self.store.revoke(
            RevokePlan(
                issuer=ISSUER,
                asked_at=self.clock.now(),
                revocations=revocations,
                changes=changes,
                audit=(entry,),
            )
        )

    async def revoke_and_publish(self, *ids, **options) -> None:
        await self.revoke(*ids, **options)
        while (await self.publisher.publish()).more:
            pass

    def follower(self) -> "Follower":
        return Follower(self)

    async def synchronized(self) -> "Follower":
        """Return a follower that has loaded a snapshot."""
        follower = self.follower()
        await follower.start()
        return follower


def waiting_blocks(subscription) -> int:
    return len(subscription._waiting)


class Event(msgspec.Struct, frozen=True):
    """One server-sent event, as a client reads it."""

    event: str
    data: str
    id: str | None = None


def read_events(stream: bytes) -> list[Event]:
    assert stream.endswith(b"\n\n"), "whole blocks only"
    events = []
    for block in stream.decode("ascii").split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append(Event(**fields))
    return events


class Follower:
    """Verifies with the published feed keys and applies to a view; keeps every outcome."""

    def __init__(self, node: FeedNode) -> None:
        self._node = node
        self.view = RevocationView(ISSUER, leeway=Seconds(5))
        self.outcomes = []
        self.frames: list[Frame] = []
        self.heartbeats: list[Heartbeat] = []
        self.profiles: list[Profile] = []
        self.gaps: list[int] = []

    def verified(self, jws: str | bytes, typ: FeedType) -> bytes:
        keys = KeySet.from_jwks(self._node.ring.feed_jwks())
        return verify_compact(
            jws, expected_type=one_of(typ), find_key=keys.find, limit=1 << 20
        ).payload

    def reading(self) -> ClockReading:
        return ClockReading(self._node.clock.now(), self._node.clock.boottime())

    def read(self, stream: bytes) -> list[Event]:
        events = read_events(stream)
        for event in events:
            self.take(event)
        return events

    def take(self, event: Event) -> None:
        match event.event:
            case "frame":
                frame = parse_frame(self.verified(event.data, FeedType.FRAME))
                assert event.id == str(frame.last)
                self.take_frame(frame)
            case "heartbeat":
                assert event.id is None
                heartbeat = parse_heartbeat(self.verified(event.data, FeedType.HEARTBEAT))
                self.heartbeats.append(heartbeat)
                self.outcomes.append(self.view.apply_heartbeat(heartbeat, self.reading()))
            case "profile":
                self.profiles.append(parse_profile(self.verified(event.data, FeedType.PROFILE)))
            case "gap":
                self.gaps.append(msgspec.json.decode(event.data)["after"])

    def take_frame(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.outcomes.append(self.view.apply_frame(frame, self.reading()))

    def take_range(self, answer) -> None:
        self.profiles.append(parse_profile(self.verified(answer.profile, FeedType.PROFILE)))
        for jws in answer.frames:
            self.take_frame(parse_frame(self.verified(jws, FeedType.FRAME)))

    def take_snapshot(self, body: bytes) -> None:
        parts = split_snapshot(body)
        manifest = parse_manifest(self.verified(parts.manifest, FeedType.SNAPSHOT))
        self.profiles.append(parse_profile(self.verified(parts.profile, FeedType.PROFILE)))
        loaded = load_snapshot(manifest, parts.records, capacity=self.view.capacity)
        self.outcomes.append(self.view.install(loaded, self.reading()))

    async def start(self) -> None:
        """Synchronize from a snapshot."""
        self.take_snapshot((await self._node.publisher.snapshot(ORDERS)).body.to_bytes())

    @property
    def numbers(self) -> list[int]:
        """The numbers of all records in the frames, in the order of their arrival."""
        return [n for frame in self.frames for n in range(frame.first, frame.last + 1)]

    def knows(self, token_id: str, kind=SelectorKind.JTI) -> bool:
        named = frozenset({selector(ISSUER, kind, token_id)})
        return self.view.matches(named, 0) is not None
