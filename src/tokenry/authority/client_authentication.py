"""Proving who asks, for every endpoint alike: clients, and resource servers (RFC 6749 §2.3).

Nobody is refused from memory: before a refusal the store is asked whether anything has changed.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tokenry.authority.facts import IssuerFacts
from tokenry.jose import KeySet
from tokenry.ports.plans import ReplayClaim
from tokenry.ports.store import Sighted
from tokenry.ports.surroundings import Clock
from tokenry.protocol.client_assertion import AssertionUse, registered_keys
from tokenry.protocol.client_auth import (
    AuthenticatedClient,
    BasicCredentials,
    PresentedClient,
    PresentedSecret,
    authenticate_client,
    authenticate_resource_server,
)
from tokenry.protocol.registry import Client, ResourceServer
from tokenry.vocabulary.errors import ProtocolError
from tokenry.vocabulary.identifiers import IssuerUrl, ResourceServerName
from tokenry.vocabulary.instant import Instant

T = TypeVar("T")

MAX_KEY_SETS: Final = 1_000


class ClientAuthentication:
    """Authenticates the clients of one issuer."""

    def __init__(self, *, issuer: IssuerUrl, facts: IssuerFacts) -> None:
        self._issuer = issuer
        self._facts = facts
        # By their bytes: parsing is a pure function of them, so nothing here can be out of date.
        self._key_sets: dict[bytes, KeySet] = {}

    async def authenticate(
        self, presented: PresentedClient, *, now: Instant
    ) -> Sighted[AuthenticatedClient]:
        """Return the proven client, with the number it was read at.

        `now` is the time that the answer will carry, taken before. Raises InvalidClient,
        StoreUnavailable.
        """
        sighted = await self._facts.client(presented.client_id)
        client = sighted.value
        keys = None
        if not isinstance(presented, PresentedSecret) and client is not None:
            keys = self._keys(client)
        authenticated = authenticate_client(
            presented, client, keys=keys, issuer=self._issuer, now=now
        )
        return Sighted(authenticated, sighted.rsn, sighted.directory)

    def _keys(self, client: Client) -> KeySet | None:
        if client.jwks is None:
            return None
        keys = self._key_sets.get(client.jwks)
        if keys is None:
            keys = registered_keys(client.jwks)
            if len(self._key_sets) >= MAX_KEY_SETS:
                self._key_sets.clear()
            self._key_sets[client.jwks] = keys
        return keys


class ResourceServerAuthentication:
    """Authenticates the resource servers of one issuer, at the feed and at introspection."""

    def __init__(self, *, facts: IssuerFacts, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock

    async def authenticate(self, presented: BasicCredentials | None) -> ResourceServer:
        """Return the proven resource server. Raises InvalidClient, StoreUnavailable."""

        async def decide() -> ResourceServer:
            directory = (await self._facts.directory()).value
            name = None if presented is None else ResourceServerName(presented.name)
            server = None if name is None else directory.by_name.get(name)
            return authenticate_resource_server(presented, server, now=self._clock.now())

        return await never_refused_from_memory(self._facts, decide)


async def never_refused_from_memory(facts: IssuerFacts, decide: Callable[[], Awaitable[T]]) -> T:
    """Decide; if that is a refusal and the facts have changed in the store, decide once more."""
    version = facts.version
    try:
        return await decide()
    except ProtocolError:
        if await facts.are_current(version):
            raise
    facts.forget()
    return await decide()


def replay_claim(assertion: AssertionUse | None) -> ReplayClaim | None:
    """Return what the transaction that acts on the request must claim, if anything (G-2)."""
    return None if assertion is None else ReplayClaim(assertion.key, assertion.until)
