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
from benchmarks.verifier_at_work import AUDIENCE, SCOPES, at_work, new_tokens

ROUNDS = 9
BATCHES = 8
IN_EACH = 250
"""A round makes the verifier forget as many tokens as it sees, so that this is paid for too."""


class Figures(msgspec.Struct):
    """Microseconds per token."""

    verifier: float
    signature: float
    pyjwt: float


def measure() -> Iterator[Measurement]:
    """The same tokens on all sides, each of them once, in alternating batches."""
    rounds = alone(take_figures)
    ours, signature, pyjwt = (
        median(getattr(figures, side) for figures in rounds) for side in Figures.__struct_fields__
    )
    cost = median(figures.verifier / figures.signature for figures in rounds)
    yield Measurement(
        id="P-2",
        what="verify a new token, all checks, 10^5 live revocations",
        unit="µs",
        ours=round(ours, 1),
        peer=round(signature, 1),
        peer_name="one bare ES256 verification",
        ratio=round(cost, 3),
        budget="≤ 1.25",
        within=cost <= 1.25,
    )
    rate = median(figures.pyjwt / figures.verifier for figures in rounds)
    yield Measurement(
        id="P-2",
        what="verify a new token, rate beside PyJWT",
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
        rounds = []
        for _ in range(ROUNDS):
            ours, signature, pyjwt = Stopwatch(), Stopwatch(), Stopwatch()
            for _ in range(BATCHES):
                tokens = new_tokens(issuer, IN_EACH)
                requests = [presented(token) for token in tokens]
                signed = [signature_and_data(token) for token in tokens]
                with ours:
                    for request in requests:
                        await verifier.verify(request, required_scopes=SCOPES)
                with signature:
                    for der, data in signed:
                        key.verify(der, data, ES256)
                with pyjwt:
                    for token in tokens:
                        jwt.decode(
                            token,
                            key,
                            algorithms=["ES256"],
                            audience=AUDIENCE,
                            issuer=issuer.url,
                        )
            count = BATCHES * IN_EACH
            rounds.append(Figures(ours.us / count, signature.us / count, pyjwt.us / count))
        return rounds
