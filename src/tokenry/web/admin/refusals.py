"""What is kept of refusals (R-60): all of known operators, a bounded sample of everybody else."""

from typing import Final

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.errors import ProtocolError
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId

ANONYMOUS: Final = "anonymous"
SAMPLE_PER_MINUTE: Final = 10
_MINUTE_MS: Final = 60_000


class AdminRefusals:
    """Writes refusals of the admin API into the record."""

    def __init__(self, *, issuer: IssuerUrl, store: Store, clock: Clock) -> None:
        self._issuer = issuer
        self._store = store
        self._clock = clock
        self._minute = -1
        self._sampled = 0
        self._left_out = 0

    async def of_operator(
        self, refusal: ProtocolError, *, actor: str, act: str, trace: TraceId
    ) -> None:
        """Keep the refusal of a known operator. Raises StoreUnavailable."""
        await self._keep(refusal, actor=actor, trace=trace, detail={"act": act})

    async def of_anybody(self, refusal: ProtocolError, *, act: str, trace: TraceId) -> None:
        """Keep the refusal of somebody unknown, unless this minute has had enough of them.

        The next one that is kept says how many were left out. Raises StoreUnavailable.
        """
        minute = self._clock.now() // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._sampled = minute, 0
        if self._sampled >= SAMPLE_PER_MINUTE:
            self._left_out += 1
            return
        self._sampled += 1
        detail: dict[str, str | int] = {"act": act}
        if self._left_out:
            detail["left_out_before"] = self._left_out
            self._left_out = 0
        await self._keep(refusal, actor=ANONYMOUS, trace=trace, detail=detail)

    async def _keep(
        self, refusal: ProtocolError, *, actor: str, trace: TraceId, detail: dict[str, str | int]
    ) -> None:
        entry = AuditEntry(
            at=self._clock.now(),
            event=AuditEvent.ADMIN_REFUSED,
            issuer=self._issuer,
            actor=actor,
            trace=trace,
            because=refusal.because,
            detail={**detail, "code": refusal.code},
        )
        await self._store.record((entry,))
