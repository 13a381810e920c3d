"""What is kept of refusals (R-60): all of proven clients, a bounded sample of everybody else.

Whoever puts a refusal into the record marks it `is_recorded`, so that it is not sampled as well.
"""

from typing import Final

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.client_authentication import replay_claim
from tokenry.ports.plans import ProofReplayed
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.protocol.client_auth import AuthenticatedClient
from tokenry.vocabulary.errors import InvalidClient, ProtocolError
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Instant

ANONYMOUS: Final = "anonymous"
SAMPLE_PER_MINUTE: Final = 10
"""Refusals of unknown callers that one network leaves in the record within a minute."""
SAMPLE_OF_ALL_PER_MINUTE: Final = 100
"""The same of all networks together: so many networks are remembered, and no more."""
_MINUTE_MS: Final = 60_000


class ClientRefusals:
    """Writes the refusals of proven clients into the record; `event` says of what."""

    def __init__(self, *, issuer: IssuerUrl, store: Store, event: AuditEvent) -> None:
        self._issuer = issuer
        self._store = store
        self._event = event

    async def keep(
        self, refusal: ProtocolError, proven: AuthenticatedClient, *, now: Instant, trace: TraceId
    ) -> ProtocolError:
        """Write a refusal, claim the assertion that proved the client, and return what to answer.

        That is invalid_client, whatever else was wrong, when the assertion was used before: who
        copied it learns nothing, and nothing is written in the client's name that is not so (G-2).
        A refusal that the client could correct has used up its assertion all the same. Raises
        Overloaded, StoreUnavailable.
        """
        entry = self._entry(refusal, proven, now, trace)
        claim = replay_claim(proven.assertion)
        if isinstance(await self._store.record((entry,), claim=claim), ProofReplayed):
            return await self.keep_replay(proven, now=now, trace=trace)
        refusal.is_recorded = True
        return refusal

    async def keep_replay(
        self, proven: AuthenticatedClient, *, now: Instant, trace: TraceId
    ) -> ProtocolError:
        """Write that an assertion was presented again, and return what to answer.

        Raises Overloaded, StoreUnavailable.
        """
        replayed = InvalidClient(because="client_assertion: used before")
        await self._store.record((self._entry(replayed, proven, now, trace),))
        replayed.is_recorded = True
        return replayed

    def _entry(
        self, refusal: ProtocolError, proven: AuthenticatedClient, now: Instant, trace: TraceId
    ) -> AuditEntry:
        return AuditEntry(
            at=now,
            event=self._event,
            issuer=self._issuer,
            actor=f"client:{proven.client.id}",
            trace=trace,
            because=refusal.because,
            detail={"code": refusal.code},
        )


class RefusalSample:
    """Writes some of the refusals of unknown callers into the record: a few each minute.

    The next entry says how many refusals were left out since the last one. Who asked is
    not written, since an address is a person's (G-6); it only divides the sample, so that one
    network cannot use it up.
    """

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        store: Store,
        clock: Clock,
        event: AuditEvent,
        in_all: int = SAMPLE_OF_ALL_PER_MINUTE,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._clock = clock
        self._event = event
        self._in_all = in_all
        self._minute = -1
        self._sampled: dict[str, int] = {}
        self._left_out = 0

    async def keep(
        self, refusal: ProtocolError, *, network: str, detail: dict[str, str | int], trace: TraceId
    ) -> None:
        """Write a refusal, unless this minute has had enough of them.

        Raises Overloaded, StoreUnavailable.
        """
        if not self._has_room(network):
            self._left_out += 1
            return
        entry = AuditEntry(
            at=self._clock.now(),
            event=self._event,
            issuer=self._issuer,
            actor=ANONYMOUS,
            trace=trace,
            because=refusal.because,
            detail={**detail, "code": refusal.code},
        )
        if self._left_out:
            entry.detail["left_out_before"] = self._left_out
            self._left_out = 0
        await self._store.record((entry,))
        refusal.is_recorded = True

    def _has_room(self, network: str) -> bool:
        minute = self._clock.now() // _MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._sampled.clear()
        taken = self._sampled.get(network, 0)
        if taken >= SAMPLE_PER_MINUTE or sum(self._sampled.values()) >= self._in_all:
            return False
        self._sampled[network] = taken + 1
        return True
