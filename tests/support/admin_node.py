"""The admin application over one node of an authority on the memory store, called in process."""

import asyncio
from hashlib import sha256

import httpx2
import msgspec

from support.issuing_node import IssuingNode
from support.taking_part import ISSUER
from tokenry.authority.clients import Clients
from tokenry.authority.evidence import Evidence
from tokenry.authority.feed_positions import FeedPositions
from tokenry.authority.operators import Operators
from tokenry.ports.plans import ChangePlan, PutOperator
from tokenry.protocol.registry import Operator, Origin
from tokenry.telemetry import Metrics, Telemetry
from tokenry.vocabulary.identifiers import OperatorName
from tokenry.web.admin import Administration, admin_application

DUTIES = ("clients", "revoke", "keys", "audit", "feed")
TOKENS = {duty: f"tko_{duty}" for duty in DUTIES} | {"all": "tko_all", "none": "tko_none"}


class AdminNode:
    """Made with `await AdminNode.started(directory)`: an operator for each duty, one with all."""

    def __init__(self, node: IssuingNode) -> None:
        self.node = node
        self.metrics = Metrics()
        self.not_ready: str | None = None
        self.positions = FeedPositions(clock=node.clock)
        self.evidence = Evidence(
            issuer=ISSUER, store=node.store, clock=node.clock, pause=self._pause
        )
        self.administration = Administration(
            issuer=ISSUER,
            operators=Operators(issuer=ISSUER, store=node.store),
            clients=Clients(
                issuer=ISSUER,
                store=node.store,
                bus=node.bus,
                clock=node.clock,
                entropy=self._entropy,
            ),
            revocations=node.revocations,
            rollover=node.rollover,
            evidence=self.evidence,
            positions=self.positions,
        )
        self.application = admin_application(
            self.administration,
            store=node.store,
            clock=node.clock,
            entropy=self._entropy,
            events=Telemetry(self.metrics),
            not_ready_because=lambda: self.not_ready,
            render_metrics=self.metrics.render,
            metrics_content_type=self.metrics.content_type,
        )
        self._drawn = 0

    @classmethod
    async def started(cls, directory, **options) -> "AdminNode":
        node = await IssuingNode.started(directory, **options)
        operators = [
            Operator(
                name=OperatorName(name),
                token_digest=sha256(token.encode()).digest(),
                duties={"all": DUTIES, "none": ()}.get(name, (name,)),
                origin=Origin.BLUEPRINT,
            )
            for name, token in TOKENS.items()
        ]
        changes = tuple(PutOperator(operator) for operator in operators)
        plan = ChangePlan(issuer=ISSUER, asked_at=node.clock.now(), changes=changes, audit=())
        await node.store.change(plan)
        await node.observe()
        return cls(node)

    def _entropy(self, size: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(size, "big")

    async def _pause(self, seconds: float) -> None:
        self.node.clock.advance(seconds)
        await asyncio.sleep(0)

    async def call(
        self, method: str, path: str, *, token: str | None = "tko_all", json=None, **headers: str
    ) -> httpx2.Response:
        """One request; `path` below /admin/v1 unless it begins with //; headers by underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        content = None
        if json is not None:
            content = json if isinstance(json, bytes) else msgspec.json.encode(json)
            sent.setdefault("content-type", "application/json")
        url = path[1:] if path.startswith("//") else f"/admin/v1{path}"
        transport = httpx2.ASGITransport(self.application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://admin") as client:
            return await client.request(method, url, headers=sent, content=content)

    async def refusals(self) -> list[tuple[str, str, str]]:
        """Actor, act and code of every recorded refusal."""
        return [
            (entry.actor, entry.detail["act"], entry.detail["code"])
            for entry in await self.node.audit()
            if entry.event == "admin.refused"
        ]
