"""Telling the issuer how far this verifier has come: for `feed lag`, and for key rollover (G-5)."""

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
"""Seconds between reports when nothing changes."""
AT_MOST_EVERY: Final = 1.0
"""Seconds between reports when something does."""


class _Position(msgspec.Struct, frozen=True, kw_only=True):
    version: int = 1
    instance: str
    head: SequenceNumber
    closed: Instant
    lag_ms: int | None
    keys: tuple[Thumbprint, ...]


class PositionReports:
    """Reports regularly, and soon after the head or the keys have changed.

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
        reported: tuple[SequenceNumber, tuple[Thumbprint, ...]] | None = None
        waited = EVERY
        while True:
            said = (self._knowledge.head, self._token_keys.thumbprints)
            known = self._knowledge.view.state is not ViewState.NEVER_SYNCHRONIZED
            if known and (said != reported or waited >= EVERY):
                try:
                    await self._client.report(self._position())
                except (FetchFailed, MetadataRefused):
                    pass  # the follower meets the same fault and tells of it
                else:
                    reported = said
                waited = 0.0
            pause = AT_MOST_EVERY * (0.75 + self._surroundings.entropy(1)[0] / 512)
            await self._surroundings.sleep(pause)
            waited += pause

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
