"""What is kept of refusals (R-60): all of known operators, a bounded sample of everybody else."""

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.refusals import SAMPLE_PER_MINUTE, RefusalSample
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.errors import ProtocolError
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId


class AdminRefusals:
    """Writes refusals of the admin API into the record."""

    def __init__(self, *, issuer: IssuerUrl, store: Store, clock: Clock) -> None:
        self._issuer = issuer
        self._store = store
        self._clock = clock
        self._sample = RefusalSample(
            issuer=issuer,
            store=store,
            clock=clock,
            event=AuditEvent.ADMIN_REFUSED,
            in_all=SAMPLE_PER_MINUTE,
        )

    async def of_operator(
        self, refusal: ProtocolError, *, actor: str, act: str, trace: TraceId
    ) -> None:
        """Keep the refusal of a known operator. Raises StoreUnavailable."""
        entry = AuditEntry(
            at=self._clock.now(),
            event=AuditEvent.ADMIN_REFUSED,
            issuer=self._issuer,
            actor=actor,
            trace=trace,
            because=refusal.because,
            detail={"act": act, "code": refusal.code},
        )
        await self._store.record((entry,))

    async def of_anybody(self, refusal: ProtocolError, *, act: str, trace: TraceId) -> None:
        """Keep the refusal of somebody unknown, unless this minute has had enough of them.

        Raises StoreUnavailable.
        """
        await self._sample.keep(refusal, network="", detail={"act": act}, trace=trace)
