"""What the testing issuer answers over its network: metadata, keys, the feed, introspection."""

import os
from collections.abc import Mapping
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec

from tokenry.feed.profile import Profile
from tokenry.jose import JwsRefused, KeySet, PrivateKey, parse_object, verify_compact
from tokenry.resource.claims import read_claims
from tokenry.resource.http_client import Credentials, Headers, Response
from tokenry.resource.metadata import metadata_url
from tokenry.resource.testing.history import History
from tokenry.resource.token_selectors import TokenSelectors
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE
from tokenry.vocabulary.identifiers import Audience, new_secret
from tokenry.vocabulary.instant import numeric_date
from tokenry.vocabulary.sequence import SequenceNumber

_JSON = {"content-type": "application/json"}


class Endpoints:
    """Answers requests from what the issuer knows at that moment.

    `kept_after` is the number up to which records are no longer kept for range and resumption.
    `positions` are the reports of verifiers, oldest first.
    """

    def __init__(
        self, history: History, *, token_keys: list[PrivateKey], feed_keys: list[PrivateKey]
    ) -> None:
        self._history = history
        self._token_keys = token_keys
        self._feed_keys = feed_keys
        self._profiles: dict[str, Profile] = {}
        self._credentials: dict[Audience, Credentials] = {}
        self._opaque: dict[str, Mapping[str, object]] = {}
        self.kept_after = history.head.last
        self.positions: list[Mapping[str, object]] = []

    def declare(self, profile: Profile) -> Credentials:
        """Take a service's profile; returns its credentials, the same ones each time."""
        credentials = self._credentials.setdefault(
            profile.audience, Credentials(profile.audience, "tkv_" + new_secret(os.urandom))
        )
        self._profiles[credentials.authorization()] = profile
        return credentials

    def profiles(self) -> list[Profile]:
        """Return the profiles of all declared services."""
        return list(self._profiles.values())

    def credentials(self, audience: str) -> Credentials | None:
        """Return the credentials of a declared service."""
        return self._credentials.get(Audience(audience))

    def remember_opaque(self, token: str, claims: Mapping[str, object]) -> None:
        """Answer for an opaque token."""
        self._opaque[token] = claims

    def answer(self, _method: str, url: str, headers: Headers, body: bytes) -> Response:
        """Answer a request."""
        issuer = self._history.issuer
        if url == metadata_url(issuer):
            return _json(self._metadata())
        if url == f"{issuer}/jwks":
            return _keys(self._token_keys)
        if url == f"{issuer}/feed/jwks":
            return _keys(self._feed_keys)
        profile = self._profiles.get(headers.get("authorization", ""))
        if profile is None:
            return _json({"error": "invalid_client"}, status=401)
        match url.removeprefix(issuer).partition("?")[0]:
            case "/feed/snapshot":
                return Response(200, {}, self._history.snapshot(profile))
            case "/feed/range":
                return self._range(_after(url), profile)
            case "/feed/position":
                self.positions.append(parse_object(body))
                return Response(204, {}, b"")
            case "/introspect":
                return _json(self._introspection(dict(parse_qsl(body.decode())), profile))
        return _json({"error": "not_found"}, status=404)

    def greeting(self, url: str, headers: Headers) -> Response | tuple[bytes, ...]:
        """Return the first blocks of a stream."""
        profile = self._profiles.get(headers.get("authorization", ""))
        if profile is None:
            return _json({"error": "invalid_client"}, status=401)
        after = min(_after(url), self._history.head.last)
        gap: tuple[bytes, ...] = ()
        if after < self.kept_after:
            gap = (f'event: gap\ndata: {{"after":{after}}}\n\n'.encode(),)
            after = self._history.head.last
        frames = self._history.frames(after)
        return (
            self._history.profile_block(profile),
            *gap,
            *self._history.frame_blocks(frames),
        )

    def _metadata(self) -> dict[str, object]:
        issuer = self._history.issuer
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/jwks",
            "introspection_endpoint": f"{issuer}/introspect",
            "tokenry_feed_endpoint": f"{issuer}/feed",
            "tokenry_feed_jwks_uri": f"{issuer}/feed/jwks",
            "tokenry_feed_range_endpoint": f"{issuer}/feed/range",
            "tokenry_feed_snapshot_endpoint": f"{issuer}/feed/snapshot",
            "tokenry_feed_position_endpoint": f"{issuer}/feed/position",
        }

    def _range(self, after: SequenceNumber, profile: Profile) -> Response:
        if after < self.kept_after:
            return _json({"error": "gone"}, status=410)
        frames = self._history.frames(min(after, self._history.head.last))
        return _json(
            {
                "version": 1,
                "profile": self._history.sign_profile(profile),
                "frames": [self._history.sign_frame(frame) for frame in frames],
                "more": False,
            }
        )

    def _introspection(self, form: Mapping[str, str], profile: Profile) -> dict[str, object]:
        """Answer as RFC 7662 §2.2: inactive says nothing, also of tokens for somebody else."""
        claims = self._claims_of(form.get("token", ""))
        if claims is None or claims.get("aud") != profile.audience:
            return {"active": False}
        read = read_claims(msgspec.json.encode(claims))
        selectors = TokenSelectors(self._history.issuer, profile.audience).of(read)
        expired = read.exp + profile.leeway <= numeric_date(self._history.closed)
        if expired or self._history.is_revoked(selectors, read.rsn):
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **claims}

    def _claims_of(self, token: str) -> Mapping[str, object] | None:
        if token in self._opaque:
            return self._opaque[token]
        keys = KeySet.of(key.public for key in self._token_keys)
        try:
            verified = verify_compact(token, expected_type=ACCESS_TOKEN_TYPE, find_key=keys.find)
        except JwsRefused:
            return None
        return parse_object(verified.payload)


def _after(url: str) -> SequenceNumber:
    return SequenceNumber(int(parse_qs(urlsplit(url).query)["after"][0]))


def _keys(keys: list[PrivateKey]) -> Response:
    document = KeySet.of(key.public for key in keys).to_jwks()
    return Response(200, {**_JSON, "cache-control": "public, max-age=300"}, _encoded(document))


def _json(document: Mapping[str, object], *, status: int = 200) -> Response:
    return Response(status, _JSON, _encoded(document))


def _encoded(document: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(document)
