"""The signed profile of each resource server: what its verifiers may allow, and for how long."""

from tokenry.authority.feed_signing import FeedSigning, FeedType
from tokenry.feed.profile import Profile, Tiers
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.protocol.registry import Directory, ResourceServer
from tokenry.vocabulary.errors import InvalidClient
from tokenry.vocabulary.identifiers import IssuerUrl, KeyId, ResourceServerName
from tokenry.vocabulary.instant import Instant


class FeedProfiles:
    """The profiles of one issuer, each signed when it is first asked for, and again on change."""

    def __init__(
        self, *, issuer: IssuerUrl, store: Store, signing: FeedSigning, clock: Clock
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._signing = signing
        self._clock = clock
        self._version = -1
        self._profiles: dict[ResourceServerName, Profile] = {}
        self._signed: dict[ResourceServerName, tuple[KeyId, str]] = {}
        self._secrets: dict[ResourceServerName, frozenset[bytes]] = {}

    @property
    def version(self) -> int:
        """The version of the profile set that was last read, -1 before the first."""
        return self._version

    async def read(self, version: int) -> None:
        """Read the directory anew, for a version of the profile set seen *before*.

        What is read may be newer than its number, never older: a verifier that keeps the highest
        number never keeps an old profile. Raises StoreUnavailable.
        """
        directory = (await self._store.directory(self._issuer)).value
        if version < self._version:
            return
        now = self._clock.now()
        self._profiles = {
            server.name: profile_of(
                server, directory, issuer=self._issuer, version=version, now=now
            )
            for server in directory.resource_servers
        }
        self._version = version
        self._signed = {}
        self._secrets = {
            server.name: frozenset(secret.digest for secret in server.secrets)
            for server in directory.resource_servers
        }

    def admits(self, name: ResourceServerName, secret: bytes | None) -> bool:
        """Say whether there is such a resource server, and still with a secret of this digest.

        None asks for the resource server alone.
        """
        secrets = self._secrets.get(name)
        return secrets is not None and (secret is None or secret in secrets)

    async def signed(self, name: ResourceServerName) -> str:
        """Return a resource server's profile, signed.

        Raises InvalidClient when there is none of that name any more, SignerUnavailable.
        """
        profile = self._profiles.get(name)
        if profile is None:
            raise InvalidClient(because=f"resource server {name} was removed")
        kid, jws = self._signed.get(name, (None, ""))
        if kid != self._signing.kid:
            # Also when the key was removed as stolen: nobody may have to trust it for a profile.
            kid = self._signing.kid
            jws = await self._signing.sign(FeedType.PROFILE, profile.to_payload())
            if self._profiles.get(name) is profile:
                self._signed[name] = (kid, jws)
        return jws


def profile_of(
    server: ResourceServer, directory: Directory, *, issuer: IssuerUrl, version: int, now: Instant
) -> Profile:
    """Return what a resource server's verifiers are told, from its declaration and ceilings.

    `max_token_lifetime` is the longest that a live token can have been issued with, so that
    lowering a lifetime refuses no token from before. Scopes only shorten lifetimes (R-04).
    """
    ceilings = [
        ceiling.lifetime
        for ceiling in directory.ceilings
        if ceiling.resource_server == server.name and (ceiling.until is None or ceiling.until > now)
    ]
    longest = max([server.lifetime, *ceilings])
    # Tiers only widen, also where short tokens or a long `fresh` were declared.
    reduced = max(server.fresh, server.reduced)
    survival = longest if server.survival is None else server.survival
    return Profile(
        issuer=issuer,
        audience=server.audience,
        profile=version,
        tiers=Tiers(fresh=server.fresh, reduced=reduced, survival=max(reduced, survival)),
        low_risk_scopes=frozenset(name for name, scope in server.scopes.items() if scope.low_risk),
        survival_scopes=frozenset(server.survival_scopes),
        max_token_lifetime=longest,
        leeway=server.leeway,
    )
