"""The feed as it is believed: nothing is read before a feed key is found to have signed it (G-1).

Feed keys are in a set of their own, so that no token key can sign a frame and no feed key a
token; a key that has left the set ends trust in what it signs.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from tokenry.feed.frame import Frame, parse_frame
from tokenry.feed.heartbeat import Heartbeat, parse_heartbeat
from tokenry.feed.profile import Profile, parse_profile
from tokenry.feed.refusals import FeedRefused, UnsupportedVersion
from tokenry.feed.snapshot import (
    LoadedSnapshot,
    Predecessor,
    load_snapshot,
    parse_manifest,
    split_snapshot,
)
from tokenry.jose import HeaderCache, JwsRefused, MalformedJson, parse_compact, parse_object
from tokenry.resource.key_cache import KeyCache
from tokenry.vocabulary.identifiers import Audience, IssuerUrl

FRAME_TYPE: Final = "tokenry-frame+jws"
HEARTBEAT_TYPE: Final = "tokenry-heartbeat+jws"
PROFILE_TYPE: Final = "tokenry-profile+jws"
SNAPSHOT_TYPE: Final = "tokenry-snapshot+jws"
MAX_SIGNED_BYTES: Final = 256 * 1024
MAX_RANGE_FRAMES: Final = 100


class SignatureRefused(FeedRefused):
    """No current feed key has signed it, or another kind of object was expected."""


class Catch(msgspec.Struct, frozen=True):
    """One answer to a range request, verified. `more`: ask again after the last frame."""

    profile: Profile
    frames: tuple[Frame, ...]
    more: bool


class _RangeDocument(msgspec.Struct, frozen=True):
    version: int
    profile: str
    frames: list[str]
    more: bool


class SignedFeed:
    """Reads what one issuer signs for one audience.

    Methods raise FeedRefused for what must not be believed, and FetchFailed when the feed keys
    are needed and cannot be had.
    """

    def __init__(self, keys: KeyCache, *, issuer: IssuerUrl, audience: Audience) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._headers = HeaderCache()

    async def frame(self, jws: str) -> Frame:
        """Read a frame."""
        return parse_frame(await self._payload(jws, FRAME_TYPE))

    async def heartbeat(self, jws: str) -> Heartbeat:
        """Read a heartbeat."""
        return parse_heartbeat(await self._payload(jws, HEARTBEAT_TYPE))

    async def profile(self, jws: str | bytes) -> Profile:
        """Read a profile; it must be this issuer's, and this audience's."""
        profile = parse_profile(await self._payload(jws, PROFILE_TYPE))
        if profile.issuer != self._issuer or profile.audience != self._audience:
            raise FeedRefused(
                f"expected the profile of {self._audience} at {self._issuer}, "
                f"found that of {profile.audience} at {profile.issuer}"
            )
        return profile

    async def snapshot(
        self, body: bytes, *, capacity: int, predecessor: Callable[[], Predecessor]
    ) -> tuple[Profile, LoadedSnapshot]:
        """Read a snapshot; its records are loaded in a thread. Raises ExceedsCapacity too.

        `predecessor` is asked, in the event loop, for what the view knows when loading begins.
        """
        parts = split_snapshot(body)
        manifest = parse_manifest(await self._payload(parts.manifest, SNAPSHOT_TYPE))
        profile = await self.profile(parts.profile)
        loaded = await asyncio.to_thread(
            load_snapshot,
            manifest,
            parts.records,
            capacity=capacity,
            predecessor=predecessor(),
        )
        return profile, loaded

    async def range(self, body: bytes) -> Catch:
        """Read the answer to a range request."""
        try:
            document = msgspec.convert(parse_object(body), _RangeDocument)
        except (MalformedJson, msgspec.ValidationError) as fault:
            raise FeedRefused(f"range: {fault}") from None
        if document.version != 1:
            raise UnsupportedVersion("expected a range of version 1")
        if len(document.frames) > MAX_RANGE_FRAMES:
            raise FeedRefused(f"expected at most {MAX_RANGE_FRAMES} frames in a range")
        return Catch(
            profile=await self.profile(document.profile),
            frames=tuple([await self.frame(jws) for jws in document.frames]),
            more=document.more,
        )

    async def _payload(self, jws: str | bytes, expected_type: str) -> bytes:
        try:
            unverified = parse_compact(jws, limit=MAX_SIGNED_BYTES, headers=self._headers)
            unverified.require_type(expected_type)
            key = await self._keys.obtain(unverified.header.kid)
            if key is None:
                raise SignatureRefused("expected the kid of a current feed key")
            return unverified.verify_with(key, expected_type=expected_type).payload
        except JwsRefused as refused:
            raise SignatureRefused(f"expected {expected_type}: {refused}") from None
