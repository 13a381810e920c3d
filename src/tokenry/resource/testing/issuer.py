"""The testing issuer: what an authority does for its services, in memory and in one object."""

import os
import weakref
from collections.abc import Collection, Mapping
from typing import Final, TypedDict, Unpack

import msgspec

from tokenry.feed.frame import NOTHING_STATED
from tokenry.feed.profile import Profile, Tiers
from tokenry.jose import Algorithm, PrivateKey, sign_compact
from tokenry.resource.http_client import Credentials
from tokenry.resource.presented import PresentedRequest
from tokenry.resource.surroundings import Surroundings
from tokenry.resource.sync import SyncVerifier
from tokenry.resource.testing.clock import ManualClock
from tokenry.resource.testing.endpoints import Endpoints
from tokenry.resource.testing.history import History
from tokenry.resource.testing.network import TestingNetwork
from tokenry.resource.verifier import Verifier, VerifierOptions
from tokenry.vocabulary.claims import ACCESS_TOKEN_TYPE
from tokenry.vocabulary.identifiers import Audience, IssuerUrl, new_handle, new_secret
from tokenry.vocabulary.instant import Seconds, numeric_date
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.vocabulary.sequence import SequenceNumber

_LIFETIME: Final = Seconds(300)
_LEEWAY: Final = Seconds(5)


class TokenMembers(TypedDict, total=False):
    """What a token to be minted can say.

    `rsn` is where the head is, unless a lower number is given, as for a token made of others.
    `lifetime` is in seconds, 300 unless given. `more` adds claims, or replaces them.
    """

    scope: str
    subject: str
    client_id: str
    session: str
    device: str
    confirmation: Mapping[str, str]
    token_id: str
    grant: str
    lifetime: int
    rsn: SequenceNumber
    more: Mapping[str, object]


class TestingIssuer:
    """Issues tokens for any audience that a verifier was made for, and revokes them.

    Time stands still until `advance`; the feed reaches verifiers through `network`, which can
    also be made to fail. Safe to use from several threads.
    """

    __test__ = False  # not a test class, whatever its name makes pytest think

    def __init__(
        self, url: str = "https://issuer.test", *, clock: ManualClock | None = None
    ) -> None:
        self.url = IssuerUrl(url)
        self.clock = ManualClock() if clock is None else clock
        self.surroundings = Surroundings(self.clock, self.clock.sleep, os.urandom)
        self.token_keys = [PrivateKey.generate(Algorithm.ES256)]
        self.feed_keys = [PrivateKey.generate(Algorithm.ES256)]
        self.history = History(self.url, self.clock, feed_keys=self.feed_keys)
        self.endpoints = Endpoints(
            self.history, token_keys=self.token_keys, feed_keys=self.feed_keys
        )
        self.network = TestingNetwork(self.endpoints.answer, self.endpoints.greeting)
        self._told = NOTHING_STATED
        self._verifiers: weakref.WeakSet[Verifier] = weakref.WeakSet()

    @property
    def head(self) -> SequenceNumber:
        """The newest revocation record."""
        return self.history.head.last

    def resource_server(
        self,
        audience: str,
        *,
        tiers: Tiers | None = None,
        low_risk_scopes: Collection[str] = (),
        survival_scopes: Collection[str] = (),
        max_token_lifetime: int = _LIFETIME,
        leeway: int = _LEEWAY,
    ) -> Credentials:
        """Declare a service, or change its declaration; returns what it authenticates with."""
        self.history.profiles += 1
        profile = Profile(
            issuer=self.url,
            audience=Audience(audience),
            profile=self.history.profiles,
            tiers=Tiers() if tiers is None else tiers,
            low_risk_scopes=frozenset(low_risk_scopes),
            survival_scopes=frozenset(survival_scopes),
            max_token_lifetime=Seconds(max_token_lifetime),
            leeway=Seconds(leeway),
        )
        credentials = self.endpoints.declare(profile)
        # One version stands for the set: when one changes, all get it.
        for declared in self.endpoints.profiles():
            current = msgspec.structs.replace(declared, profile=self.history.profiles)
            to = self.endpoints.declare(current).authorization()
            self.network.publish(self.history.profile_block(current), to=to)
        return credentials

    def credentials(self, audience: str) -> Credentials:
        """Return what a service authenticates with, declared here now if it was not yet."""
        known = self.endpoints.credentials(audience)
        return self.resource_server(audience) if known is None else known

    def verifier(self, audience: str, **options: Unpack[VerifierOptions]) -> Verifier:
        """Return a verifier of this issuer, for a service declared here if it was not yet."""
        verifier = Verifier(
            issuer=self.url,
            audience=audience,
            credentials=self.credentials(audience),
            **self._options(options),
        )
        self._verifiers.add(verifier)
        return verifier

    def sync_verifier(self, audience: str, **options: Unpack[VerifierOptions]) -> SyncVerifier:
        """Return the same in the form for threads."""
        return SyncVerifier(
            issuer=self.url,
            audience=audience,
            credentials=self.credentials(audience),
            **self._options(options),
        )

    def claims(self, *, audience: str, **members: Unpack[TokenMembers]) -> dict[str, object]:
        """Return the claims of a token issued now; ids that are not given are fresh handles."""
        now = numeric_date(self.clock.now())
        client_id = members.get("client_id", "client")
        optional = {
            "sid": members.get("session"),
            "device": members.get("device"),
            "cnf": members.get("confirmation"),
        }
        return {
            "iss": self.url,
            "sub": members.get("subject", client_id),
            "aud": audience,
            "client_id": client_id,
            "scope": members.get("scope", ""),
            "iat": now,
            "exp": now + members.get("lifetime", _LIFETIME),
            "jti": members.get("token_id") or new_handle(os.urandom),
            "grant": members.get("grant") or new_handle(os.urandom),
            "rsn": members.get("rsn", self.head),
            **{name: value for name, value in optional.items() if value is not None},
            **members.get("more", {}),
        }

    def mint(self, *, audience: str, **members: Unpack[TokenMembers]) -> str:
        """Return a signed access token."""
        return self.sign(self.claims(audience=audience, **members))

    def mint_opaque(self, *, audience: str, **members: Unpack[TokenMembers]) -> str:
        """Return an opaque token that introspection answers for."""
        token = "tkr_" + new_secret(os.urandom)
        self.endpoints.remember_opaque(token, self.claims(audience=audience, **members))
        return token

    def sign(self, claims: Mapping[str, object], *, typ: str = ACCESS_TOKEN_TYPE) -> str:
        """Sign any claims with the newest token key."""
        return sign_compact(msgspec.json.encode(claims), key=self.token_keys[-1], typ=typ)

    def revoke(self, kind: SelectorKind | str, value: str) -> SequenceNumber:
        """Revoke every token born so far that has this id; returns the record's number.

        With kind `key`, drop the signing key of that thumbprint for good.
        """
        if kind == SelectorKind.KEY:
            self.token_keys[:] = [k for k in self.token_keys if k.public.thumbprint != value]
        frame = self.history.revoke(SelectorKind(kind), value)
        self.network.publish(self.history.frame_block(frame))
        return self.head

    def rotate_key(self, algorithm: Algorithm = Algorithm.ES256) -> str:
        """Sign with a new key from now on; returns its thumbprint. Old ones stay published."""
        self.token_keys.append(PrivateKey.generate(algorithm))
        return self.token_keys[-1].public.thumbprint

    def advance(self, seconds: float, *, heartbeat: bool = True) -> None:
        """Let time pass, and give a sign of life unless told otherwise."""
        self.clock.advance(seconds)
        if heartbeat:
            self.network.publish(self.history.heartbeat_block())
            self._told = self.history.closed

    async def delivered(self) -> None:
        """Wait until every verifier of `verifier` has taken in all that was published."""
        for verifier in list(self._verifiers):
            await verifier.applied(self.head, closed=self._told)

    def request(
        self, token: str | None, *, method: str = "GET", url: str = "https://service.test/"
    ) -> PresentedRequest:
        """Return a request that presents a token."""
        headers = [(b"host", b"service.test"), (b"accept", b"*/*")]
        if token is not None:
            headers.append((b"authorization", b"Bearer " + token.encode("ascii")))
        return PresentedRequest(method, url, headers)

    def _options(self, options: VerifierOptions) -> VerifierOptions:
        here: VerifierOptions = {"fetcher": self.network, "surroundings": self.surroundings}
        return {**here, **options}
