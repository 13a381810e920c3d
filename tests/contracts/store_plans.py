"""What the store's suite asks for: small plans with every field at a plain value."""

from hashlib import sha256
from typing import Any

from support.manual_clock import START, ManualClock
from tokenry.audit.entry import AuditEntry, AuditEvent, decode_entry
from tokenry.feed.record import RecordType
from tokenry.ports.plans import (
    Change,
    ChangePlan,
    Idempotency,
    IssuePlan,
    ReferenceToken,
    ReplayClaim,
    Revocation,
    RevokePlan,
)
from tokenry.ports.store import Store
from tokenry.protocol.registry import (
    Client,
    LifetimeCeiling,
    Operator,
    Origin,
    ResourceServer,
    Scope,
    Secret,
)
from tokenry.protocol.signing_key import KeyState, KeyUse, SigningKey
from tokenry.vocabulary.identifiers import (
    Audience,
    ClientId,
    IssuerUrl,
    KeyId,
    OperatorName,
    ResourceServerName,
    TraceId,
)
from tokenry.vocabulary.instant import Instant, Seconds
from tokenry.vocabulary.selectors import Selector, SelectorKind, selector
from tokenry.vocabulary.sequence import FIRST_HEAD, SequenceNumber

ISSUER = IssuerUrl("https://auth.example")
OTHER_ISSUER = IssuerUrl("https://auth.example/t1")
HOUR = 3_600_000


def set_clock(clock: ManualClock, at: int) -> None:
    """Set a clock to an instant, forwards or back."""
    clock.advance((at - clock.now()) / 1000)


def select(value: str, kind: SelectorKind = SelectorKind.CLIENT) -> Selector:
    return selector(ISSUER, kind, value)


def number(n: int) -> SequenceNumber:
    """The number of the first epoch's record `n`."""
    return SequenceNumber(FIRST_HEAD + n)


def entry(trace: str, event: AuditEvent = AuditEvent.REVOKED, issuer=ISSUER) -> AuditEntry:
    return AuditEntry(at=START, event=event, issuer=issuer, actor="authority", trace=TraceId(trace))


def issuance(trace: str = "issued", /, **fields: Any) -> IssuePlan:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "rsn": FIRST_HEAD,
        "directory": 0,
        "selectors": frozenset({select("c1")}),
        "audit": entry(trace, AuditEvent.TOKEN_ISSUED, fields.get("issuer", ISSUER)),
    }
    return IssuePlan(**values | fields)


def claim(name: str, until: int = START + HOUR) -> ReplayClaim:
    return ReplayClaim(sha256(name.encode()).digest()[:16], Instant(until))


def reference(name: str, *, expires: int = START // 1000 + 300) -> ReferenceToken:
    return ReferenceToken(
        digest=sha256(name.encode()).digest(),
        claims=b'{"sub":"\xc3\xa9"}',
        selectors=frozenset({select("c1"), select(name, SelectorKind.JTI)}),
        rsn=FIRST_HEAD,
        expires=expires,
    )


def revocation(target: Selector, /, **fields: Any) -> Revocation:
    values: dict[str, Any] = {
        "type": RecordType.SELECTOR,
        "selector": target,
        "expires": START // 1000 + 3600,
        "repeatable": True,
        "floor_until": Instant(START + 24 * HOUR),
    }
    return Revocation(**values | fields)


def revoking(*targets: Selector | Revocation, trace: str = "revoked", **fields: Any) -> RevokePlan:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "asked_at": START,
        "revocations": tuple(
            target if isinstance(target, Revocation) else revocation(target) for target in targets
        ),
        "audit": (entry(trace, issuer=fields.get("issuer", ISSUER)),),
    }
    return RevokePlan(**values | fields)


def asked(key: str = "k1", *, digest: bytes = b"d" * 32, caller: str = "operator:op", until=None):
    return Idempotency(caller, key, digest, Instant(until or START + HOUR))


def changing(*changes: Change, trace: str = "changed", **fields: Any) -> ChangePlan:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "asked_at": START,
        "changes": changes,
        "audit": (entry(trace, AuditEvent.CLIENT_CHANGED, fields.get("issuer", ISSUER)),),
    }
    return ChangePlan(**values | fields)


def client(client_id: str = "c1", /, **fields: Any) -> Client:
    values: dict[str, Any] = {
        "id": ClientId(client_id),
        "name": "Orders — été",
        "auth": "client_secret_basic",
        "secrets": (Secret(b"\x00\xff" * 16, START, None), Secret(b"s" * 32, START, START)),
        "jwks": b'{"keys":[]}',
        "access": {ResourceServerName("orders"): ("orders.read", "orders.write")},
        "origin": Origin.BLUEPRINT,
    }
    return Client(**values | fields)


def resource_server(name: str = "orders", /, **fields: Any) -> ResourceServer:
    values: dict[str, Any] = {
        "name": ResourceServerName(name),
        "audience": Audience(f"https://{name}.example"),
        "scopes": {f"{name}.read": Scope(description="Read", low_risk=True, lifetime=Seconds(60))},
        "token_format": "jwt",
        "algorithm": "ES256",
        "lifetime": Seconds(300),
        "leeway": Seconds(5),
        "fresh": Seconds(5),
        "reduced": Seconds(60),
        "survival": None,
        "origin": Origin.BLUEPRINT,
    }
    return ResourceServer(**values | fields)


def operator(name: str = "op", /, digest: bytes = b"o" * 32) -> Operator:
    return Operator(
        name=OperatorName(name),
        token_digest=digest,
        duties=("revoke", "audit"),
        origin=Origin.CLI,
    )


def ceiling(name: str = "orders", lifetime: int = 300, until: int | None = None) -> LifetimeCeiling:
    return LifetimeCeiling(
        resource_server=ResourceServerName(name),
        lifetime=Seconds(lifetime),
        until=None if until is None else Instant(until),
    )


def key(kid: str = "kid-1", state: KeyState = KeyState.ANNOUNCED, **fields: Any) -> SigningKey:
    values: dict[str, Any] = {
        "kid": KeyId(kid),
        "use": KeyUse.TOKEN,
        "algorithm": "ES256",
        "state": state,
        "announced_at": START,
        "activates_at": START,
        "public_jwk": b"{}",
        "wrapped_private": b"\x00wrapped",
    }
    return SigningKey(**values | fields)


async def traces(store: Store, issuer: IssuerUrl = ISSUER) -> list[str]:
    """The traces of all committed audit entries, in order: what was written, and nothing else."""
    stored = await store.audit_entries(issuer, after=0, limit=100_000)
    return [decode_entry(each.entry).trace for each in stored]
