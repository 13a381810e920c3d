"""All that is kept for one issuer, and the changes to it that need no thought of other issuers."""

from collections.abc import Iterable
from typing import Final

from tokenry.audit.entry import AuditEntry, encode_entry
from tokenry.feed.record import ChainValue, Record, first_chain_value
from tokenry.ports.plans import (
    Change,
    Idempotency,
    PutCeiling,
    PutClient,
    PutKey,
    PutOperator,
    PutResourceServer,
    ReferenceToken,
    RemoveClient,
    RemoveOperator,
    RemoveResourceServer,
    Revoked,
)
from tokenry.ports.store import StoredAuditEntry
from tokenry.protocol.registry import Client, LifetimeCeiling, Operator, Origin, ResourceServer
from tokenry.protocol.signing_key import KeyState, SigningKey
from tokenry.vocabulary.identifiers import (
    ClientId,
    IssuerUrl,
    KeyId,
    OperatorName,
    ResourceServerName,
)
from tokenry.vocabulary.instant import Instant, Seconds
from tokenry.vocabulary.selectors import Selector
from tokenry.vocabulary.sequence import FIRST_EPOCH, FIRST_HEAD, SequenceNumber

_RAISES_PROFILES: Final = (PutResourceServer, RemoveResourceServer, PutCeiling)


class IssuerState:
    """Mutable; whoever touches it holds the store's lock."""

    def __init__(self, issuer: IssuerUrl) -> None:
        self.seq: SequenceNumber = FIRST_HEAD
        self.chain: ChainValue = first_chain_value(issuer, FIRST_EPOCH)
        self.directory = 0
        self.profiles = 0
        self.kept_after = self.seq
        self.kept_chain = self.chain
        self.records: dict[SequenceNumber, tuple[Record, ChainValue]] = {}
        """Ascending, since numbers only grow."""
        self.floors: dict[Selector, tuple[SequenceNumber, Instant]] = {}
        self.replay_keys: dict[bytes, int] = {}
        self.idempotency: dict[tuple[str, str], tuple[Idempotency, Revoked]] = {}
        self.references: dict[bytes, ReferenceToken] = {}
        self.audit: list[StoredAuditEntry] = []
        self.clients: dict[ClientId, Client] = {}
        self.resource_servers: dict[ResourceServerName, ResourceServer] = {}
        self.operators: dict[OperatorName, Operator] = {}
        self.ceilings: dict[tuple[ResourceServerName, Seconds], LifetimeCeiling] = {}
        self.keys: dict[KeyId, SigningKey] = {}

    def has_floor_above(self, rsn: SequenceNumber, selectors: Iterable[Selector]) -> bool:
        """Say whether what was born at `rsn` with these selectors is revoked."""
        return any(
            selector in self.floors and self.floors[selector][0] > rsn for selector in selectors
        )

    def append_audit(self, entries: Iterable[bytes]) -> None:
        """Append encoded entries, numbered from 1 without gaps."""
        for entry in entries:
            self.audit.append(StoredAuditEntry(len(self.audit) + 1, entry, None))

    def allows(self, changes: tuple[Change, ...]) -> bool:
        """Say whether each change may be made, as if those before it had been."""
        origins: dict[ClientId, Origin | None] = {
            client_id: client.origin for client_id, client in self.clients.items()
        }
        states: dict[KeyId, KeyState | None] = {kid: key.state for kid, key in self.keys.items()}
        for change in changes:
            match change:
                case PutClient(client):
                    if origins.get(client.id) not in (None, client.origin):
                        return False
                    origins[client.id] = client.origin
                case RemoveClient(client_id):
                    origins[client_id] = None
                case PutKey(key, expected):
                    if states.get(key.kid) != expected:
                        return False
                    states[key.kid] = key.state
                case _:
                    continue
        return True

    def make(self, changes: tuple[Change, ...]) -> None:
        """Make changes that are allowed, and count them."""
        for change in changes:
            self._make(change)
        self.directory += bool(changes)
        self.profiles += any(isinstance(change, _RAISES_PROFILES) for change in changes)

    def _make(self, change: Change) -> None:
        match change:
            case PutClient(client):
                self.clients[client.id] = client
            case RemoveClient(client_id):
                self.clients.pop(client_id, None)
            case PutResourceServer(resource_server):
                self.resource_servers[resource_server.name] = resource_server
            case RemoveResourceServer(name):
                self.resource_servers.pop(name, None)
            case PutOperator(operator):
                self.operators[operator.name] = operator
            case RemoveOperator(name):
                self.operators.pop(name, None)
            case PutCeiling(ceiling):
                self.ceilings[ceiling.resource_server, ceiling.lifetime] = ceiling
            case PutKey(key):
                self.keys[key.kid] = key


def encode_all(entries: Iterable[AuditEntry]) -> list[bytes]:
    """Encode entries before anything is changed, so that a bad one changes nothing."""
    return [encode_entry(entry) for entry in entries]
