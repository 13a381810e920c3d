"""P-3: the verification of a token that was seen before: still every check, and no signature."""

import asyncio
from collections.abc import Iterator
from statistics import median

import msgspec

from benchmarks.alone import Stopwatch, alone
from benchmarks.bare_signature import ES256, public_key, signature_and_data
from benchmarks.measuring import Measurement
from benchmarks.protected_request import presented
from benchmarks.verifier_at_work import SCOPES, at_work, mint, new_sessions

ROUNDS = 15
TOKENS = 100
TURNS = 50


class Figures(msgspec.Struct):
    """Microseconds per token."""

    seen: float
    signature: float


def measure() -> Iterator[Measurement]:
    """A hundred tokens in turn; the view does not change meanwhile, as between two revocations.

    The bare signature beside it tells how fast this machine is at the moment: 64 µs where the
    budget was set.
    """
    rounds = alone(take_figures)
    taken = median(figures.seen for figures in rounds)
    yield Measurement(
        id="P-3",
        what="verify a seen token, all checks, 8 headers",
        unit="µs",
        ours=round(taken, 2),
        peer=round(median(figures.signature for figures in rounds), 1),
        peer_name="one bare ES256 verification",
        ratio=round(median(figures.seen / figures.signature for figures in rounds), 4),
        budget="≤ 2.5",
        within=taken <= 2.5,
    )


def take_figures() -> list[Figures]:
    return asyncio.run(_take_figures())


async def _take_figures() -> list[Figures]:
    async with at_work() as (issuer, verifier):
        key = public_key(issuer)
        tokens = mint(issuer, new_sessions(TOKENS))
        requests = [presented(token) for token in tokens]
        signed = [signature_and_data(token) for token in tokens]
        for request in requests:
            await verifier.verify(request, required_scopes=SCOPES)
        rounds = []
        for _ in range(ROUNDS):
            seen, signature = Stopwatch(), Stopwatch()
            with seen:
                for _ in range(TURNS):
                    for request in requests:
                        await verifier.verify(request, required_scopes=SCOPES)
            with signature:
                for der, data in signed:
                    key.verify(der, data, ES256)
            rounds.append(Figures(seen.us / TURNS / TOKENS, signature.us / TOKENS))
        return rounds
