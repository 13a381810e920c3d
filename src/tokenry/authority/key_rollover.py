"""Making keys and moving them through their states, each step committed and audited (R-05, G-5).

A step is written only if the key is still in the state it was decided on, and a set of steps only
if the directory has not moved: of several nodes that see the same step due, one takes it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.key_ring import FEED_ALGORITHM, KeyRing
from tokenry.jose import Algorithm
from tokenry.ports.events import Counted, Events, Noted, Timed
from tokenry.ports.plans import Changed, ChangePlan, PutKey
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Bus, Clock, ClockGuard, Signer
from tokenry.protocol.directory_index import index_directory
from tokenry.protocol.key_states import (
    ACTIVE_KEYS,
    Transition,
    activated,
    activation_time,
    due_transitions,
    removal,
)
from tokenry.protocol.lifetime import longest_live_lifetime, widest_leeway
from tokenry.protocol.registry import Directory
from tokenry.protocol.signing_key import KeyState, KeyUse, SigningKey
from tokenry.vocabulary.errors import (
    ClockIsOff,
    InvalidRequest,
    Overloaded,
    SignerUnavailable,
    StoreUnavailable,
)
from tokenry.vocabulary.identifiers import Entropy, KeyId, TraceId
from tokenry.vocabulary.instant import Seconds

INTERVAL: Final = Seconds(1)
AUTHORITY: Final = "authority"
ALWAYS_SIGNED_WITH: Final = Algorithm.ES256
_TRACE_BYTES: Final = 16
_ATTEMPTS: Final = 20
"""Each lost race is somebody else's success, so so many in a row mean a defect."""


class RotationUnderWay(InvalidRequest):
    """A key of that use and algorithm has been announced and is not active yet."""

    status = 409
    default_description = (
        "A new key of that use and algorithm is announced already and activates by itself."
    )


class KeyRollover:
    """The rollover of one issuer's keys."""

    def __init__(
        self,
        *,
        ring: KeyRing,
        store: Store,
        signer: Signer,
        bus: Bus,
        clock: Clock,
        clock_guard: ClockGuard,
        entropy: Entropy,
        events: Events,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ring = ring
        self._issuer = ring.issuer
        self._store = store
        self._signer = signer
        self._bus = bus
        self._clock = clock
        self._clock_guard = clock_guard
        self._entropy = entropy
        self._events = events
        self._pause = pause
        self._failing = False

    async def run(self) -> None:
        """Take the steps that fall due until cancelled. What fails is tried again."""
        while True:
            await self._pause(INTERVAL)
            try:
                await self.take_due_steps()
                self._failing = False
            except (ClockIsOff, StoreUnavailable, SignerUnavailable, Overloaded) as error:
                if not self._failing:
                    self._failing = True
                    self._events.note(Noted.ERROR, "keys cannot be rolled over", error=error)

    async def ensure(self) -> None:
        """Have a signing key for every algorithm that is needed, and two feed keys.

        On a first start nobody can have cached a key set yet, so keys start active. A later need
        (a resource server with another algorithm) cannot wait either. Raises StoreUnavailable,
        SignerUnavailable.
        """
        await self._commit(self._missing, actor=AUTHORITY, trace=self._trace())

    async def take_due_steps(self) -> None:
        """Activate, retire and destroy what is due, and make what is missing.

        Raises ClockIsOff: by a wrong clock nothing is due. StoreUnavailable, SignerUnavailable,
        Overloaded.
        """
        self._clock_guard.require_right_clock()
        # Looked at in memory first: nearly always nothing is due.
        now = self._clock.now()
        if due_transitions(self._ring.all_keys(), now=now, longest_token=Seconds(0)):
            await self._commit(self._due, actor=AUTHORITY, trace=self._trace())

    async def rotate(
        self, use: KeyUse, algorithm: str, *, actor: str, trace: TraceId
    ) -> SigningKey:
        """Announce a new key; it is activated once every cached key set without it has expired.

        Raises InvalidRequest for an algorithm that no key of that use has, RotationUnderWay.
        """

        async def announce(directory: Directory, keys: tuple[SigningKey, ...]) -> list[Transition]:
            of_kind = [key for key in keys if key.use is use and key.algorithm == algorithm]
            if not any(key.state is KeyState.ACTIVE for key in of_kind):
                raise InvalidRequest(
                    because=f"no active {use} key for {algorithm}",
                    description=f"There is no active {use} key for {algorithm} to be rotated.",
                )
            if any(key.state is KeyState.ANNOUNCED for key in of_kind):
                raise RotationUnderWay(because=f"a {use} key for {algorithm} is announced")
            return [await self._new(use, algorithm, KeyState.ANNOUNCED)]

        steps = await self._commit(announce, actor=actor, trace=trace)
        return steps[0].key

    async def emergency_removal(self, kid: KeyId) -> tuple[PutKey, ...]:
        """Return the changes that take a stolen key out of use now, for one plan with its record.

        If it was signing, another key is activated in the same plan: one that is announced
        already, since verifiers have it, else a new one. No changes for a key that is destroyed.
        After the commit, call `put_into_force` before anybody is told that the key is gone.
        Raises InvalidRequest for a kid that the issuer never had.
        """
        keys = await self._store.signing_keys(self._issuer)
        try:
            needed = removal(keys, kid, now=self._clock.now())
        except LookupError as unknown:
            raise InvalidRequest(
                because=str(unknown), description="No key of this issuer has that kid."
            ) from unknown
        steps = list(needed.steps)
        if needed.replacement is not None:
            stolen = needed.steps[0].key
            steps.append(await self._new(stolen.use, stolen.algorithm, needed.replacement))
        return tuple(PutKey(key=step.key, expected=step.expected) for step in steps)

    async def put_into_force(self, changes: Iterable[PutKey]) -> None:
        """Sign and publish on this node as committed changes of keys say, from here on.

        Raises StoreUnavailable, SignerUnavailable; to repeat it is no error.
        """
        await self._ring.refresh()
        for change in changes:
            self._events.count(Counted.KEY_CHANGED, state=change.key.state.value)

    def audit_of(
        self, changes: Iterable[PutKey], *, actor: str, trace: TraceId
    ) -> tuple[AuditEntry, ...]:
        """Return the entries that belong to changes of keys."""
        return tuple(
            AuditEntry(
                at=self._clock.now(),
                event=(
                    AuditEvent.KEY_CREATED if change.expected is None else AuditEvent.KEY_CHANGED
                ),
                issuer=self._issuer,
                actor=actor,
                trace=trace,
                detail={
                    "kid": change.key.kid,
                    "use": change.key.use.value,
                    "algorithm": change.key.algorithm,
                    "state": change.key.state.value,
                },
            )
            for change in changes
        )

    async def _commit(
        self,
        decide: Callable[[Directory, tuple[SigningKey, ...]], Awaitable[list[Transition]]],
        *,
        actor: str,
        trace: TraceId,
    ) -> list[Transition]:
        """Decide on what is stored and commit, again whenever something came between."""
        for _ in range(_ATTEMPTS):
            # Before every time that is decided on, so that none moves by too little.
            asked_at = self._clock.now()
            # The directory first: the plan holds only while it has not moved, keys included.
            sighted = await self._store.directory(self._issuer)
            keys = await self._store.signing_keys(self._issuer)
            steps = await decide(sighted.value, keys)
            if not steps:
                return steps
            changes = tuple(PutKey(key=step.key, expected=step.expected) for step in steps)
            plan = ChangePlan(
                issuer=self._issuer,
                asked_at=asked_at,
                changes=changes,
                directory=sighted.directory,
                audit=self.audit_of(changes, actor=actor, trace=trace),
            )
            if isinstance(await self._store.change(plan), Changed):
                await self.put_into_force(changes)
                self._bus.announce(self._issuer)
                return steps
        raise StoreUnavailable(f"{_ATTEMPTS} attempts to change keys were overtaken by others")

    async def _due(self, directory: Directory, keys: tuple[SigningKey, ...]) -> list[Transition]:
        now = self._clock.now()
        index = index_directory(directory)
        longest = longest_live_lifetime(index, now=now) + widest_leeway(index)
        return list(due_transitions(keys, now=now, longest_token=Seconds(longest)))

    async def _missing(
        self, directory: Directory, keys: tuple[SigningKey, ...]
    ) -> list[Transition]:
        algorithms = {ALWAYS_SIGNED_WITH.value} | {
            server.algorithm
            for server in directory.resource_servers
            if server.token_format == "jwt"
        }
        steps = []
        for use, algorithm in [
            (KeyUse.FEED, FEED_ALGORITHM.value),
            *((KeyUse.TOKEN, algorithm) for algorithm in sorted(algorithms)),
        ]:
            of_kind = [key for key in keys if key.use is use and key.algorithm == algorithm]
            active = [key for key in of_kind if key.state is KeyState.ACTIVE]
            waiting = [key for key in of_kind if key.state is KeyState.ANNOUNCED]
            if not active and waiting:
                steps.append(activated(waiting.pop(0), now=self._clock.now()))
                active.append(steps[-1].key)
            lacking = ACTIVE_KEYS[use] - len(active) - len(waiting)
            steps.extend([await self._new(use, algorithm, KeyState.ACTIVE) for _ in range(lacking)])
        return steps

    async def _new(self, use: KeyUse, algorithm: str, state: KeyState) -> Transition:
        started = self._clock.boottime()
        # In a thread, since an RSA key takes a tenth of a second to find.
        material = await asyncio.to_thread(
            self._signer.create, self._issuer, use=use, algorithm=algorithm
        )
        self._events.took(Timed.KEY_CREATION, self._clock.boottime() - started, algorithm=algorithm)
        now = self._clock.now()
        activates = (
            now if state is KeyState.ACTIVE else activation_time(now, max_age=self._ring.max_age)
        )
        key = SigningKey(
            kid=material.kid,
            use=use,
            algorithm=algorithm,
            state=state,
            announced_at=now,
            activates_at=activates,
            public_jwk=material.public_jwk,
            wrapped_private=material.wrapped_private,
        )
        return Transition(key, None)

    def _trace(self) -> TraceId:
        return TraceId(self._entropy(_TRACE_BYTES).hex())
