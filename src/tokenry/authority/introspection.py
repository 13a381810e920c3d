"""Introspection: is this token, meant for the resource server that asks, still good? (RFC 7662)."""

import msgspec

from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.authority.presented_token import PresentedTokens
from tokenry.ports.events import Counted, Events
from tokenry.ports.surroundings import Clock, ClockGuard
from tokenry.protocol.client_auth import BasicCredentials
from tokenry.protocol.introspection import INACTIVE, may_be_active
from tokenry.vocabulary.errors import InvalidRequest


class IntrospectionRequest(msgspec.Struct, frozen=True):
    """Parsed and unproven. `token_type_hint` is not read: a token shows what it is."""

    token: str | None
    presented: BasicCredentials | None


class Introspection:
    """Answers the resource servers of one issuer."""

    def __init__(
        self,
        *,
        authentication: ResourceServerAuthentication,
        tokens: PresentedTokens,
        clock: Clock,
        clock_guard: ClockGuard,
        events: Events,
    ) -> None:
        self._authentication = authentication
        self._tokens = tokens
        self._clock = clock
        self._clock_guard = clock_guard
        self._events = events

    async def introspect(self, request: IntrospectionRequest) -> bytes:
        """Return the JSON to answer with.

        Raises InvalidClient for a caller that is not a resource server, InvalidRequest without a
        token, StoreUnavailable: what cannot be looked up is not answered. ClockIsOff: nor what
        depends on a wrong clock.
        """
        self._clock_guard.require_right_clock()
        caller = await self._authentication.authenticate(request.presented)
        if request.token is None:
            raise InvalidRequest(because="no token", description="The parameter token is missing.")
        answer = INACTIVE
        token = await self._tokens.read(request.token)
        if (
            token is not None
            and may_be_active(token.claims, caller=caller, now=self._clock.now())
            and not await self._tokens.is_revoked(token)
        ):
            answer = token.active_answer
        active = "false" if answer is INACTIVE else "true"
        self._events.count(Counted.INTROSPECTED, active=active)
        return answer
