"""GET /feed/range and /feed/snapshot: for who has a gap, and for who starts cold (G-1)."""

from typing import Final

from starlette.types import Receive, Scope, Send

from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.authority.feed_archive import MAX_RANGE_RECORDS
from tokenry.authority.feed_publisher import FeedPublisher
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.identifiers import Entropy
from tokenry.vocabulary.sequence import SequenceNumber
from tokenry.web.body import JSON, NO_STORE, Answer, Header, json_answer, send_answer
from tokenry.web.entity_tag import is_still
from tokenry.web.feed_callers import FeedCallers, number_of

_OCTETS: Final[Header] = (b"content-type", b"application/octet-stream")
# What may be kept by the caller alone, and has to be asked about each time.
_REVALIDATED: Final[Header] = (b"cache-control", b"private, no-cache")
_PIECE: Final = 256 * 1024


class FeedRangeEndpoint:
    """Bare ASGI: signed frames after a number."""

    def __init__(
        self,
        *,
        publisher: FeedPublisher,
        authentication: ResourceServerAuthentication,
        entropy: Entropy,
    ) -> None:
        self._publisher = publisher
        self._callers = FeedCallers(authentication=authentication, entropy=entropy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        caller = await self._callers.identify(scope)
        after = number_of(caller.query, "after")
        if after is None:
            raise InvalidRequest(because="no after", description="Say after which number.")
        limit = number_of(caller.query, "limit")
        if limit == 0:
            raise InvalidRequest(because="limit 0", description="limit must be 1 or more.")
        found = await self._publisher.range(
            caller.server.name,
            after=SequenceNumber(after),
            limit=MAX_RANGE_RECORDS if limit is None else limit,
        )
        await send_answer(send, json_answer(200, found, (JSON, NO_STORE)))


class FeedSnapshotEndpoint:
    """Bare ASGI: all live records, in pieces that the connection takes."""

    def __init__(
        self,
        *,
        publisher: FeedPublisher,
        authentication: ResourceServerAuthentication,
        entropy: Entropy,
    ) -> None:
        self._publisher = publisher
        self._callers = FeedCallers(authentication=authentication, entropy=entropy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        caller = await self._callers.identify(scope)
        snapshot = await self._publisher.snapshot(caller.server.name)
        tag = b'"%b"' % snapshot.entity_tag.encode()
        headers = (_REVALIDATED, (b"etag", tag))
        if is_still(tag, caller.fields.get(b"if-none-match")):
            await send_answer(send, Answer(304, headers))
            return
        lead = b"\n".join((snapshot.body.manifest, snapshot.body.profile, b""))
        records = snapshot.body.records
        length = (b"content-length", b"%d" % (len(lead) + len(records)))
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [_OCTETS, *headers, length],
            }
        )
        await send({"type": "http.response.body", "body": lead, "more_body": True})
        # A piece at a time: written at once, each connection would hold a copy of the rest.
        for start in range(0, len(records), _PIECE):
            piece = records[start : start + _PIECE]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
