"""What becomes of signing keys as time passes, and when one of them is stolen (G-5).

Pure: keys and a time in, transitions out. `NEXT_STATES` says which steps exist at all; this file
says when they are due. Whoever commits them does so only if the stored state is still `expected`.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from tokenry.protocol.signing_key import NEXT_STATES, KeyState, KeyUse, SigningKey
from tokenry.vocabulary.identifiers import KeyId
from tokenry.vocabulary.instant import Instant, Seconds, later

ACTIVE_KEYS: Final = {KeyUse.TOKEN: 1, KeyUse.FEED: 2}
"""How many keys of a use and algorithm are active together. The oldest signs.

The second feed key is a spare that every verifier already trusts: when the first is removed, the
feed goes on at once (G-1).
"""

PROPAGATION: Final = Seconds(2)
"""Until every node has seen a committed change of keys: they read at least each second."""

LATE_SIGNATURES: Final = Seconds(60)
"""A node decides, commits and then signs; one that was paused in between may sign with a key that
was retired meanwhile. Its `exp` was fixed before, so this much more is generous."""


class Transition(msgspec.Struct, frozen=True):
    """A key as it shall be stored, if its stored state is `expected` (None: it is new)."""

    key: SigningKey
    expected: KeyState | None


class NoSuchStep(ValueError):
    """A step that the table of states does not have: a defect of the caller."""


def activation_time(announced_at: Instant, *, max_age: Seconds) -> Instant:
    """Return when a key may sign: all copies of the key set without it have expired by then."""
    return later(announced_at, Seconds(max_age + PROPAGATION))


def activated(key: SigningKey, *, now: Instant) -> Transition:
    """Let an announced key sign from now on. Raises NoSuchStep."""
    _require_step(key, KeyState.ACTIVE)
    return Transition(
        msgspec.structs.replace(key, state=KeyState.ACTIVE, activates_at=now), key.state
    )


def retired(key: SigningKey, *, now: Instant, longest_token: Seconds) -> Transition:
    """Let an active key sign no more, and be shown until its last token has expired.

    `longest_token` is the lifetime of the longest token, plus leeway. Raises NoSuchStep.
    """
    _require_step(key, KeyState.RETIRED)
    until = later(now, Seconds(longest_token + LATE_SIGNATURES))
    after = msgspec.structs.replace(key, state=KeyState.RETIRED, retired_at=now, destroy_at=until)
    return Transition(after, key.state)


def destroyed(key: SigningKey, *, now: Instant) -> Transition:
    """Forget the private part, and show the key no more. Raises NoSuchStep."""
    _require_step(key, KeyState.DESTROYED)
    after = msgspec.structs.replace(
        key, state=KeyState.DESTROYED, destroy_at=now, wrapped_private=b""
    )
    return Transition(after, key.state)


def _require_step(key: SigningKey, to: KeyState) -> None:
    if to not in NEXT_STATES[key.state]:
        raise NoSuchStep(f"a key that is {key.state} cannot become {to}")


def published(keys: Iterable[SigningKey], use: KeyUse) -> tuple[SigningKey, ...]:
    """Return the keys a key set shows: announced, active and retired, oldest first."""
    shown = [key for key in keys if key.use is use and key.state is not KeyState.DESTROYED]
    return tuple(sorted(shown, key=_seniority))


def signing_key(keys: Iterable[SigningKey], use: KeyUse, algorithm: str) -> SigningKey | None:
    """Return the key that signs: of the active ones the oldest, the same on every node."""
    active = [key for key in _of(keys, use, algorithm) if key.state is KeyState.ACTIVE]
    return min(active, key=_seniority, default=None)


def due_transitions(
    keys: Iterable[SigningKey], *, now: Instant, longest_token: Seconds
) -> tuple[Transition, ...]:
    """Return every step that is due. `longest_token`: lifetime of the longest token, plus leeway.

    Activation and the retirement that it brings come together, so that there is no moment without
    a key that signs.
    """
    keys = tuple(keys)
    steps: list[Transition] = []
    for use, algorithm in sorted({(key.use, key.algorithm) for key in keys}):
        steps += _succession(
            _of(keys, use, algorithm), ACTIVE_KEYS[use], now=now, longest_token=longest_token
        )
    steps += [
        destroyed(key, now=now)
        for key in sorted(keys, key=_seniority)
        if key.state is KeyState.RETIRED and key.destroy_at is not None and key.destroy_at <= now
    ]
    return tuple(steps)


def _succession(
    keys: list[SigningKey], places: int, *, now: Instant, longest_token: Seconds
) -> list[Transition]:
    due = [key for key in keys if key.state is KeyState.ANNOUNCED and key.activates_at <= now]
    if not due:
        return []
    active = [key for key in keys if key.state is KeyState.ACTIVE]
    in_order = sorted(active, key=_seniority) + sorted(due, key=_seniority)
    surplus = in_order[: max(0, len(in_order) - places)]
    steps = [activated(key, now=now) for key in due if key not in surplus]
    for key in surplus:
        if key.state is KeyState.ACTIVE:
            steps.append(retired(key, now=now, longest_token=longest_token))
        else:
            # Overtaken by a newer key before it ever signed.
            steps.append(destroyed(key, now=now))
    return steps


class Removal(msgspec.Struct, frozen=True):
    """The steps that take a stolen key out of use, and what is missing after them.

    `replacement` is the state that a new key of the same use and algorithm must be made in, None
    when the keys at hand suffice.
    """

    steps: tuple[Transition, ...]
    replacement: KeyState | None


def removal(keys: Iterable[SigningKey], kid: KeyId, *, now: Instant) -> Removal:
    """Say how to remove a stolen key at once, without leaving its use without a signing key.

    A key that is announced already takes its place, since verifiers have it; a new one is made
    only when there is none. Removing a destroyed key takes no step. Raises LookupError for a kid
    that the issuer never had.
    """
    keys = tuple(keys)
    stolen = next((key for key in keys if key.kid == kid), None)
    if stolen is None:
        raise LookupError(f"the issuer has no key {kid}")
    if stolen.state is KeyState.DESTROYED:
        return Removal((), None)
    steps = [destroyed(stolen, now=now)]
    if stolen.state is not KeyState.ACTIVE:
        return Removal(tuple(steps), None)
    others = [key for key in _of(keys, stolen.use, stolen.algorithm) if key.kid != kid]
    active = [key for key in others if key.state is KeyState.ACTIVE]
    waiting = sorted((key for key in others if key.state is KeyState.ANNOUNCED), key=_seniority)
    if not active and waiting:
        steps.append(activated(waiting.pop(0), now=now))
        active.append(steps[-1].key)
    if not active:
        return Removal(tuple(steps), KeyState.ACTIVE)
    if len(active) + len(waiting) < ACTIVE_KEYS[stolen.use]:
        return Removal(tuple(steps), KeyState.ANNOUNCED)
    return Removal(tuple(steps), None)


def _of(keys: Iterable[SigningKey], use: KeyUse, algorithm: str) -> list[SigningKey]:
    return [key for key in keys if key.use is use and key.algorithm == algorithm]


def _seniority(key: SigningKey) -> tuple[Instant, Instant, KeyId]:
    return (key.activates_at, key.announced_at, key.kid)
