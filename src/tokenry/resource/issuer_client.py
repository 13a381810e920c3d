"""The requests a verifier makes of its issuer, and what counts as an answer.

Every method raises FetchFailed when there is no usable answer, in time; what an answer says is
believed only by those who check its signature.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Final

import msgspec

from tokenry.resource.http_client import (
    Credentials,
    Fetcher,
    FetchFailed,
    Headers,
    Response,
    StreamedResponse,
)
from tokenry.resource.metadata import (
    MAX_METADATA_BYTES,
    AuthorityMetadata,
    metadata_url,
    parse_authority_metadata,
)
from tokenry.resource.shared_request import SharedRequest
from tokenry.vocabulary.bounds import MAX_BODY_BYTES
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.sequence import SequenceNumber

MAX_JWKS_BYTES: Final = 512 * 1024
MAX_RANGE_BYTES: Final = 4 * 1024 * 1024
"""Twenty frames of 500 records take about 800 KiB."""
ANSWER_SECONDS: Final = 10.0
"""For a whole answer: one that trickles in would hold up whoever waits for it for ever."""
SNAPSHOT_SECONDS: Final = 30.0
SLOWEST_BYTES_PER_SECOND: Final = 256 * 1024
"""A snapshot gets 30 seconds, and as long as its bound takes at this speed."""
_NO_HEADERS: Final[Headers] = {}
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])")


class Gone(msgspec.Struct, frozen=True):
    """The issuer no longer keeps the records asked for: load a snapshot."""


class PublishedKeys(msgspec.Struct, frozen=True):
    """A JWK set as fetched, and for how many seconds it may be kept (None: not said)."""

    document: bytes
    max_age: int | None


class IssuerClient:
    """Speaks for one resource server to one issuer. Metadata is fetched once and kept.

    `sleep` takes seconds: it measures how long an answer may take.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        issuer: IssuerUrl,
        credentials: Credentials,
        max_snapshot_bytes: int,
        sleep: Callable[[float], Coroutine[object, object, None]],
    ) -> None:
        self._fetcher = fetcher
        self._issuer = issuer
        self._max_snapshot_bytes = max_snapshot_bytes
        self._authenticated = {"authorization": credentials.authorization()}
        self._metadata: AuthorityMetadata | None = None
        self._asking = SharedRequest(self._fetch_metadata)
        self._sleep = sleep

    async def metadata(self) -> AuthorityMetadata:
        """Return what the issuer publishes about itself. Raises MetadataRefused too."""
        return await self._asking.answer() if self._metadata is None else self._metadata

    def forget_metadata(self) -> None:
        """Fetch it anew when it is needed next: an endpoint may have moved."""
        self._metadata = None

    async def close(self) -> None:
        """End what is under way for several at once; the fetcher stays open."""
        await self._asking.close()

    async def token_keys(self) -> PublishedKeys:
        """Fetch the keys that sign tokens."""
        return await self._keys((await self.metadata()).jwks)

    async def feed_keys(self) -> PublishedKeys:
        """Fetch the keys that sign the feed."""
        return await self._keys((await self.metadata()).feed_jwks)

    async def snapshot(self) -> bytes:
        """Fetch all live records at one number."""
        url = (await self.metadata()).feed_snapshot
        limit = self._max_snapshot_bytes
        answer = await self._get(
            url,
            accept="application/octet-stream",
            limit=limit,
            seconds=SNAPSHOT_SECONDS + limit / SLOWEST_BYTES_PER_SECOND,
            headers=self._authenticated,
        )
        return _require(answer, url).body

    async def range(self, after: SequenceNumber) -> bytes | Gone:
        """Fetch frames after a number."""
        url = _with_after((await self.metadata()).feed_range, after)
        answer = await self._get(url, limit=MAX_RANGE_BYTES, headers=self._authenticated)
        return Gone() if answer.status == 410 else _require(answer, url).body

    @asynccontextmanager
    async def feed(self, after: SequenceNumber) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the feed after a number; yields the chunks of its event stream."""
        url = _with_after((await self.metadata()).feed, after)
        headers = {
            **self._authenticated,
            "accept": "text/event-stream",
            "cache-control": "no-store",
        }
        readers: BaseException | None = None
        try:
            async with self._fetcher.stream(url, headers=headers) as answer:
                _require_stream(answer, url)
                async with aclosing(_chunks(url, answer.chunks)) as chunks:
                    try:
                        yield chunks
                    except BaseException as fault:
                        readers = fault
                        raise
        except Exception as fault:
            if fault is readers:
                raise
            raise _failed(f"GET {url}", fault) from fault

    async def report(self, position: bytes) -> None:
        """Tell the issuer what has been applied; `position` is JSON."""
        url = (await self.metadata()).feed_position
        headers = {**self._authenticated, "content-type": "application/json"}
        answer = await self._in_time(
            f"POST {url}",
            self._fetcher.post(url, headers=headers, body=position, limit=MAX_BODY_BYTES),
        )
        if answer.status not in {200, 204}:
            raise FetchFailed(f"POST {url}: {answer.status}")

    async def introspect(self, form: bytes) -> bytes:
        """Ask about a token (RFC 7662 §2.1); `form` is the request's body."""
        url = (await self.metadata()).introspection
        if url is None:
            raise FetchFailed("the issuer publishes no introspection_endpoint")
        headers = {
            **self._authenticated,
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        answer = await self._in_time(
            f"POST {url}",
            self._fetcher.post(url, headers=headers, body=form, limit=MAX_BODY_BYTES),
        )
        return _require(answer, url).body

    async def _keys(self, url: str) -> PublishedKeys:
        answer = await self._get(url, limit=MAX_JWKS_BYTES)
        said = _MAX_AGE.search(_require(answer, url).headers.get("cache-control", "").lower())
        return PublishedKeys(answer.body, None if said is None else int(said[1]))

    async def _fetch_metadata(self) -> AuthorityMetadata:
        url = metadata_url(self._issuer)
        document = _require(await self._get(url, limit=MAX_METADATA_BYTES), url).body
        metadata = self._metadata = parse_authority_metadata(document, issuer=self._issuer)
        return metadata

    async def _get(
        self,
        url: str,
        *,
        limit: int,
        accept: str = "application/json",
        seconds: float = ANSWER_SECONDS,
        headers: Headers = _NO_HEADERS,
    ) -> Response:
        answer = self._fetcher.get(url, headers={**headers, "accept": accept}, limit=limit)
        return await self._in_time(f"GET {url}", answer, seconds)

    async def _in_time(
        self, what: str, answer: Awaitable[Response], seconds: float = ANSWER_SECONDS
    ) -> Response:
        asking = asyncio.ensure_future(answer)
        patience = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({asking, patience}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
        except Exception as fault:
            raise _failed(what, fault) from fault
        finally:
            asking.cancel()
            patience.cancel()
            await asyncio.gather(asking, patience, return_exceptions=True)
        raise FetchFailed(f"{what}: no whole answer within {seconds:g} seconds")


async def _chunks(url: str, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in chunks:
            yield chunk
    except Exception as fault:
        raise _failed(f"GET {url}", fault) from fault


def _failed(what: str, fault: Exception) -> FetchFailed:
    """Return any fault of a fetcher as FetchFailed.

    Services bring their own clients: whatever one raises besides what the port allows must end
    one request, and neither the following of the feed nor the service's own request.
    """
    return fault if isinstance(fault, FetchFailed) else FetchFailed(f"{what}: {fault!r}")


def _require_stream(answer: StreamedResponse, url: str) -> None:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if answer.status != 200 or kind != "text/event-stream":
        raise FetchFailed(f"GET {url}: {answer.status} {kind or 'without content type'}")


def _require(answer: Response, url: str) -> Response:
    if answer.status != 200:
        raise FetchFailed(f"GET {url}: {answer.status}")
    return answer


def _with_after(url: str, after: SequenceNumber) -> str:
    return f"{url}{'&' if '?' in url else '?'}after={after}"
