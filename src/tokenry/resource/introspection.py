"""Opaque tokens: the issuer is asked once, then the feed keeps the answer true (RFC 7662, R-42).

An answer carries `rsn` and every id of the token, so it stands under the same checks as a JWT and
falls with the same records. No call is made for a token that was seen before.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from tokenry.jose import MalformedJson, parse_object
from tokenry.ports.surroundings import Clock
from tokenry.resource.http_client import FetchFailed
from tokenry.resource.metadata import MetadataRefused
from tokenry.resource.refusal import Reason, Refusal
from tokenry.resource.shared_request import SharedRequest

PREFIX: Final = b"tkr_"
MAX_QUESTIONS: Final = 64
"""Tokens asked about at one time; more are refused at once, with 503 (G-8)."""
MAX_WAITING: Final = 1000
"""Requests that may wait for answers, also for the same one; more are refused at once (G-8)."""
INACTIVE_SECONDS: Final = 60.0
"""How long a token stays known as inactive without asking again. None ever becomes active."""
MAX_INACTIVE: Final = 4096

_REFERENCE: Final = re.compile(rb"tkr_[A-Za-z0-9_-]{43}")


class Introspection:
    """Asks about tokens, each once at a time. Used from one event loop.

    `ask` sends a form and returns the JSON answer; it raises FetchFailed. Nothing about a new token
    says who sends it, so all senders share the places: whoever presents made-up tokens in great
    number can keep new opaque tokens out (503) while doing so. Tokens seen before and JWTs need no
    place. A service that strangers can reach in such numbers limits them by address in front.
    """

    def __init__(self, ask: Callable[[bytes], Awaitable[bytes]], *, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._under_way: dict[bytes, SharedRequest[bytes]] = {}
        self._waiting = 0
        self._inactive: dict[bytes, float] = {}

    async def answer_for(self, token: bytes) -> bytes:
        """Return what the issuer says of an active token, as JSON.

        Raises Refusal: malformed, inactive, overloaded, or authority_unreachable.
        """
        if not _REFERENCE.fullmatch(token):
            raise Refusal(Reason.MALFORMED, "expected tkr_ and 43 characters of base64url")
        # Tokens that are not valid here are somebody's secret elsewhere: only a digest is kept.
        digest = sha256(token).digest()
        if self._clock.boottime() < self._inactive.get(digest, float("-inf")):
            raise Refusal(Reason.INACTIVE, "the issuer said so less than a minute ago")
        if self._waiting >= MAX_WAITING:
            raise Refusal(Reason.OVERLOADED, f"{MAX_WAITING} requests wait for introspection")
        question = self._under_way.get(token)
        if question is None:
            if len(self._under_way) >= MAX_QUESTIONS:
                raise Refusal(Reason.OVERLOADED, f"{MAX_QUESTIONS} introspections are under way")
            question = SharedRequest(lambda: self._question(token, digest))
            self._under_way[token] = question
        self._waiting += 1
        try:
            return await question.answer()
        except FetchFailed as fault:
            raise Refusal(Reason.AUTHORITY_UNREACHABLE, str(fault)) from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the questions under way."""
        under_way, self._under_way = self._under_way, {}
        for question in under_way.values():
            await question.close()

    async def _question(self, token: bytes, digest: bytes) -> bytes:
        form = urlencode({"token": token.decode("ascii"), "token_type_hint": "access_token"})
        try:
            answer = await self._ask(form.encode("ascii"))
            members = parse_object(answer)
        except (FetchFailed, MetadataRefused, MalformedJson) as fault:
            raise Refusal(Reason.AUTHORITY_UNREACHABLE, f"introspection: {fault}") from None
        finally:
            self._under_way.pop(token, None)
        if members.get("active") is not True:
            if len(self._inactive) >= MAX_INACTIVE:
                self._inactive.clear()
            self._inactive[digest] = self._clock.boottime() + INACTIVE_SECONDS
            raise Refusal(Reason.INACTIVE, "the issuer says that the token is not active")
        return answer
