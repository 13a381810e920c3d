"""P-2: verifying a token never seen before, beside the bare signature and beside PyJWT."""

import asyncio
from collections.abc import Iterator
from statistics import median

import jwt
import msgspec

from benchmarks.alone import Stopwatch, alone
from benchmarks.bare_signature import ES256, public_key, signature_and_data
from benchmarks.measuring import Measurement
from benchmarks.protected_request import presented
from benchmarks.verifier_at_work import AUDIENCE, SCOPES, at_work, mint, new_sessions

ROUNDS = 9
BATCHES = 8
IN_EACH = 250
"""In a round the verifier forgets as many tokens as it sees, so that this is paid for too."""


class Figures(msgspec.Struct):
    """Microseconds per token."""

    first: float
    """Ours, of a session that was never seen."""
    renewed: float
    """Ours, the next token of a session that was."""
    signature: float
    pyjwt: float


def measure() -> Iterator[Measurement]:
    """The same tokens on all sides, each of them once, in alternating batches."""
    rounds = alone(take_figures)
    ours, renewed, signature, pyjwt = (
        median(getattr(figures, side) for figures in rounds) for side in Figures.__struct_fields__
    )
    cost = median(figures.first / figures.signature for figures in rounds)
    yield Measurement(
        id="P-2",
        what="verify a new token, every id in it new",
        unit="µs",
        ours=round(ours, 1),
        peer=round(signature, 1),
        peer_name="one bare ES256 verification",
        ratio=round(cost, 3),
        budget="≤ 1.25",
        within=cost <= 1.25,
    )
    cost = median(figures.renewed / figures.signature for figures in rounds)
    yield Measurement(
        id="P-2",
        what="verify a new token, the next one of a session",
        unit="µs",
        ours=round(renewed, 1),
        peer=round(signature, 1),
        peer_name="one bare ES256 verification",
        ratio=round(cost, 3),
        budget="≤ 1.25",
        within=cost <= 1.25,
    )
    rate = median(figures.pyjwt / figures.first for figures in rounds)
    yield Measurement(
        id="P-2",
        what="verify a new token, every id in it new, rate beside PyJWT",
        unit="µs",
        ours=round(ours, 1),
        peer=round(pyjwt, 1),
        peer_name="PyJWT, parsed key, aud and iss checked",
        ratio=round(rate, 3),
        budget="≥ 1.5",
        within=rate >= 1.5,
    )


def take_figures() -> list[Figures]:
    return asyncio.run(_take_figures())


async def _take_figures() -> list[Figures]:
    async with at_work() as (issuer, verifier):
        key = public_key(issuer)
        known = new_sessions(IN_EACH)
        rounds = []
        for _ in range(ROUNDS):
            first, renewed, signature, pyjwt = (Stopwatch() for _ in range(4))
            for _ in range(BATCHES):
                next_ones = [presented(token) for token in mint(issuer, known)]
                tokens = mint(issuer, new_sessions(IN_EACH))
                requests = [presented(token) for token in tokens]
                signed = [signature_and_data(token) for token in tokens]
                with first:
                    for request in requests:
                        await verifier.verify(request, required_scopes=SCOPES)
                with signature:
                    for der, data in signed:
                        key.verify(der, data, ES256)
                with renewed:
                    for request in next_ones:
                        await verifier.verify(request, required_scopes=SCOPES)
                with pyjwt:
                    for token in tokens:
                        jwt.decode(
                            token,
                            key,
                            algorithms=["ES256"],
                            audience=AUDIENCE,
                            issuer=issuer.url,
                        )
            watches = (first, renewed, signature, pyjwt)
            rounds.append(Figures(*(watch.us / BATCHES / IN_EACH for watch in watches)))
        return rounds
