"""Introspection: is this token, meant for the resource server that asks, still good? (RFC 7662)."""

import msgspec

from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.authority.presented_token import PresentedTokens
from tokenry.ports.events import Counted, Events
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.protocol.access_token import TokenSelectors
from tokenry.protocol.client_auth import BasicCredentials
from tokenry.protocol.introspection import INACTIVE, active_answer, may_be_active
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.identifiers import IssuerUrl


class IntrospectionRequest(msgspec.Struct, frozen=True):
    """Parsed and unproven. `token_type_hint` is not read: a token shows what it is."""

    token: str | None
    presented: BasicCredentials | None


class Introspection:
    """Answers the resource servers of one issuer."""

    def __init__(
        self,
        *,
        issuer: IssuerUrl,
        store: Store,
        authentication: ResourceServerAuthentication,
        tokens: PresentedTokens,
        clock: Clock,
        events: Events,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._authentication = authentication
        self._tokens = tokens
        self._clock = clock
        self._events = events
        self._selectors = TokenSelectors(issuer)

    async def introspect(self, request: IntrospectionRequest) -> bytes:
        """Return the JSON to answer with.

        Raises InvalidClient for a caller that is not a resource server, InvalidRequest without a
        token, StoreUnavailable: what cannot be looked up is not answered.
        """
        caller = await self._authentication.authenticate(request.presented)
        if request.token is None:
            raise InvalidRequest(because="no token", description="The parameter token is missing.")
        answer = INACTIVE
        claims = await self._tokens.read(request.token)
        if claims is not None and may_be_active(claims, caller=caller, now=self._clock.now()):
            revoked = await self._store.is_revoked(
                self._issuer, selectors=self._selectors.of(claims), rsn=claims.rsn
            )
            if not revoked:
                answer = active_answer(claims)
        active = "false" if answer is INACTIVE else "true"
        self._events.count(Counted.INTROSPECTED, active=active)
        return answer
