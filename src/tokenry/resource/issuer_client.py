"""The requests a verifier makes of its issuer, and what counts as an answer.

Every method raises FetchFailed when there is no usable answer; what an answer says is believed
only by those who check its signature.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from tokenry.resource.http_client import Credentials, Fetcher, FetchFailed, Response
from tokenry.resource.metadata import (
    MAX_METADATA_BYTES,
    AuthorityMetadata,
    metadata_url,
    parse_authority_metadata,
)
from tokenry.vocabulary.bounds import MAX_BODY_BYTES
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.sequence import SequenceNumber

MAX_JWKS_BYTES: Final = 512 * 1024
MAX_RANGE_BYTES: Final = 4 * 1024 * 1024
"""Twenty frames of 500 records take about 800 KiB."""
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])")


class Gone(msgspec.Struct, frozen=True):
    """The issuer no longer keeps the records asked for: load a snapshot."""


class PublishedKeys(msgspec.Struct, frozen=True):
    """A JWK set as fetched, and for how many seconds it may be kept (None: not said)."""

    document: bytes
    max_age: int | None


class IssuerClient:
    """Speaks for one resource server to one issuer. Metadata is fetched once and kept."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        issuer: IssuerUrl,
        credentials: Credentials,
        max_snapshot_bytes: int,
    ) -> None:
        self._fetcher = fetcher
        self._issuer = issuer
        self._max_snapshot_bytes = max_snapshot_bytes
        self._authenticated = {"authorization": credentials.authorization()}
        self._metadata: AuthorityMetadata | None = None
        self._asking = asyncio.Lock()

    async def metadata(self) -> AuthorityMetadata:
        """Return what the issuer publishes about itself. Raises MetadataRefused too."""
        async with self._asking:
            if self._metadata is None:
                url = metadata_url(self._issuer)
                answer = await self._fetcher.get(
                    url, headers={"accept": "application/json"}, limit=MAX_METADATA_BYTES
                )
                document = _require(answer, url).body
                self._metadata = parse_authority_metadata(document, issuer=self._issuer)
            return self._metadata

    def forget_metadata(self) -> None:
        """Fetch it anew when it is needed next: an endpoint may have moved."""
        self._metadata = None

    async def token_keys(self) -> PublishedKeys:
        """Fetch the keys that sign tokens."""
        return await self._keys((await self.metadata()).jwks)

    async def feed_keys(self) -> PublishedKeys:
        """Fetch the keys that sign the feed."""
        return await self._keys((await self.metadata()).feed_jwks)

    async def snapshot(self) -> bytes:
        """Fetch all live records at one number."""
        url = (await self.metadata()).feed_snapshot
        answer = await self._fetcher.get(
            url,
            headers={**self._authenticated, "accept": "application/octet-stream"},
            limit=self._max_snapshot_bytes,
        )
        return _require(answer, url).body

    async def range(self, after: SequenceNumber) -> bytes | Gone:
        """Fetch frames after a number."""
        url = _with_after((await self.metadata()).feed_range, after)
        answer = await self._fetcher.get(
            url,
            headers={**self._authenticated, "accept": "application/json"},
            limit=MAX_RANGE_BYTES,
        )
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
        async with self._fetcher.stream(url, headers=headers) as answer:
            kind = answer.headers.get("content-type", "").partition(";")[0].strip()
            if answer.status != 200 or kind != "text/event-stream":
                raise FetchFailed(f"GET {url}: {answer.status} {kind or 'without content type'}")
            yield answer.chunks

    async def report(self, position: bytes) -> None:
        """Tell the issuer what has been applied; `position` is JSON."""
        url = (await self.metadata()).feed_position
        answer = await self._fetcher.post(
            url,
            headers={**self._authenticated, "content-type": "application/json"},
            body=position,
            limit=MAX_BODY_BYTES,
        )
        if answer.status not in {200, 204}:
            raise FetchFailed(f"POST {url}: {answer.status}")

    async def introspect(self, form: bytes) -> bytes:
        """Ask about a token (RFC 7662 §2.1); `form` is the request's body."""
        url = (await self.metadata()).introspection
        if url is None:
            raise FetchFailed("the issuer publishes no introspection_endpoint")
        answer = await self._fetcher.post(
            url,
            headers={
                **self._authenticated,
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
            },
            body=form,
            limit=MAX_BODY_BYTES,
        )
        return _require(answer, url).body

    async def _keys(self, url: str) -> PublishedKeys:
        answer = await self._fetcher.get(
            url, headers={"accept": "application/json"}, limit=MAX_JWKS_BYTES
        )
        said = _MAX_AGE.search(_require(answer, url).headers.get("cache-control", "").lower())
        return PublishedKeys(answer.body, None if said is None else int(said[1]))


def _require(answer: Response, url: str) -> Response:
    if answer.status != 200:
        raise FetchFailed(f"GET {url}: {answer.status}")
    return answer


def _with_after(url: str, after: SequenceNumber) -> str:
    return f"{url}{'&' if '?' in url else '?'}after={after}"
