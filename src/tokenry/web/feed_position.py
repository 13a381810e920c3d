"""POST /feed/position: a verifier reports how far it has come (R-31, G-5)."""

from typing import Annotated

import msgspec
from starlette.types import Receive, Scope, Send

from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.authority.feed_positions import FeedPositions, Position
from tokenry.feed.document import Number, read_document
from tokenry.feed.refusals import FeedRefused
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.identifiers import Entropy, Thumbprint
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber
from tokenry.web.body import NO_STORE, Answer, read_body, send_answer
from tokenry.web.feed_callers import FeedCallers

# "$" would let a trailing line feed through.
_Handle = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]


class _PositionDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    instance: _Handle
    head: Number
    closed: Number
    lag_ms: Number | None
    keys: Annotated[
        tuple[_Handle, ...],
        msgspec.Meta(max_length=100),
    ]


class FeedPositionEndpoint:
    """Bare ASGI: takes a verifier's report of how far it has come."""

    def __init__(
        self,
        *,
        positions: FeedPositions,
        authentication: ResourceServerAuthentication,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._positions = positions
        self._callers = FeedCallers(authentication=authentication, entropy=entropy)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        caller = await self._callers.identify(scope)
        body = await read_body(receive, declared=caller.fields.get(b"content-length"))
        try:
            report = read_document(body, _PositionDocument)
        except FeedRefused as refused:
            raise InvalidRequest(
                because=str(refused), description="The position is not one of version 1."
            ) from refused
        self._positions.report(
            Position(
                resource_server=caller.server.name,
                instance=report.instance,
                head=SequenceNumber(report.head),
                closed=Instant(report.closed),
                lag_ms=report.lag_ms,
                keys=tuple(map(Thumbprint, report.keys)),
                reported_at=self._clock.now(),
            )
        )
        await send_answer(send, Answer(204, (NO_STORE,)))
