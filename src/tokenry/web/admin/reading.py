"""Reading what was written: the issuer's head, the record, the feed; duties `audit` and `feed`."""

from typing import Final

from tokenry.authority.evidence import Evidence
from tokenry.authority.feed_positions import FeedPositions
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Seconds
from tokenry.vocabulary.sequence import SequenceNumber, epoch_of
from tokenry.web.admin.documents import position_document, record_document
from tokenry.web.admin.endpoint import Call
from tokenry.web.admin.input import number_of, parse_query
from tokenry.web.body import Answer, json_answer

DEFAULT_PAGE: Final = 100
_PAGING: Final = frozenset({"after", "limit", "wait"})


class ReadingActs:
    """Reads; `wait` seconds let a reader follow without asking all the time."""

    def __init__(self, *, issuer: IssuerUrl, evidence: Evidence, positions: FeedPositions) -> None:
        self._issuer = issuer
        self._evidence = evidence
        self._positions = positions

    async def issuer(self, call: Call) -> Answer:
        """GET issuer."""
        parse_query(call.query, frozenset())
        head = await self._evidence.head()
        return json_answer(
            200,
            {
                "issuer": self._issuer,
                "epoch": epoch_of(head.seq),
                "head": head.seq,
                "chain": head.chain.hex(),
                "closed": head.closed,
                "directory": head.directory,
                "profiles": head.profiles,
                "last_audit_id": await self._evidence.last_audit_id(),
            },
        )

    async def audit(self, call: Call) -> Answer:
        """GET audit?after=&limit=&wait=."""
        query = parse_query(call.query, _PAGING)
        after = number_of(query, "after", 0)
        entries = await self._evidence.audit(
            after=after,
            limit=number_of(query, "limit", DEFAULT_PAGE),
            wait=Seconds(number_of(query, "wait", 0)),
        )
        return json_answer(200, {"entries": entries, "next": entries[-1].id if entries else after})

    async def records(self, call: Call) -> Answer:
        """GET feed/records?after=&limit=&wait=; without `after` from the head on."""
        query = parse_query(call.query, _PAGING)
        after = SequenceNumber(number_of(query, "after", 0)) if "after" in query else None
        page = await self._evidence.records(
            after=after,
            limit=number_of(query, "limit", DEFAULT_PAGE),
            wait=Seconds(number_of(query, "wait", 0)),
        )
        records = [record_document(record) for record in page.records]
        return json_answer(
            200,
            {
                "head": page.head.seq,
                "closed": page.head.closed,
                "records": records,
                "next": records[-1].seq if records else after or page.head.seq,
            },
        )

    async def positions(self, call: Call) -> Answer:
        """GET feed/positions: verifiers that lately reported to this node."""
        parse_query(call.query, frozenset())
        head = await self._evidence.head()
        positions = [
            position_document(position, head=head.seq) for position in self._positions.lately()
        ]
        return json_answer(200, {"head": head.seq, "closed": head.closed, "positions": positions})
