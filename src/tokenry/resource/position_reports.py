"""Telling the issuer how far this verifier has come: for `feed lag`, and for key rollover (G-5)."""

from contextlib import suppress
from typing import Final

import msgspec

from tokenry.feed.outcomes import ViewState
from tokenry.resource.http_client import FetchFailed
from tokenry.resource.issuer_client import IssuerClient
from tokenry.resource.key_cache import KeyCache
from tokenry.resource.knowledge import Knowledge
from tokenry.resource.metadata import MetadataRefused
from tokenry.resource.surroundings import Surroundings
from tokenry.vocabulary.identifiers import Thumbprint, new_handle
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.sequence import SequenceNumber

EVERY: Final = 5.0
"""Seconds between reports, about."""


class _Position(msgspec.Struct, frozen=True, kw_only=True):
    version: int = 1
    instance: str
    head: SequenceNumber
    closed: Instant
    lag_ms: int | None
    keys: tuple[Thumbprint, ...]


class PositionReports:
    """Reports regularly, and at once after the first synchronization and when the keys change.

    Not when the head moves: with many verifiers that would make of each record as many reports.

    The instance is a random handle, a new one in each process: it names no machine. `lag_ms` is
    the view's staleness.
    """

    def __init__(
        self,
        client: IssuerClient,
        knowledge: Knowledge,
        token_keys: KeyCache,
        surroundings: Surroundings,
    ) -> None:
        self._client = client
        self._knowledge = knowledge
        self._token_keys = token_keys
        self._surroundings = surroundings
        self._instance = new_handle(surroundings.entropy)

    async def run(self) -> None:
        """Report until cancelled. A report that does not get through is made again by the next."""
        while True:
            # Also when the report does not get through: it is made again by the next.
            told = self._state()
            if told[0]:
                # The follower meets the same fault and tells of it.
                with suppress(FetchFailed, MetadataRefused):
                    await self._client.report(self._position())
            pause = EVERY * (0.75 + self._surroundings.entropy(1)[0] / 512)
            await self._surroundings.within(pause, self._change_from(told))

    def _state(self) -> tuple[bool, tuple[Thumbprint, ...]]:
        synchronized = self._knowledge.view.state is not ViewState.NEVER_SYNCHRONIZED
        return synchronized, self._token_keys.thumbprints

    async def _change_from(self, told: tuple[bool, tuple[Thumbprint, ...]]) -> None:
        while not self._state()[0] or self._state() == told:
            await self._knowledge.changed()

    def _position(self) -> bytes:
        view = self._knowledge.view
        return msgspec.json.encode(
            _Position(
                instance=self._instance,
                head=self._knowledge.head,
                closed=view.closed,
                lag_ms=view.staleness(self._knowledge.reading()),
                keys=self._token_keys.thumbprints,
            )
        )
