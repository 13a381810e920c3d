"""Signing keys: the duty `keys`."""

import msgspec

from tokenry.authority.key_rollover import KeyRollover
from tokenry.ports.store import Store
from tokenry.protocol.signing_key import KeyUse
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.web.admin.documents import key_document
from tokenry.web.admin.endpoint import Call
from tokenry.web.admin.input import parse_json, parse_query
from tokenry.web.body import Answer, json_answer


class _Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    use: KeyUse = KeyUse.TOKEN
    algorithm: str = "ES256"


class KeyActs:
    """Lists keys and announces new ones."""

    def __init__(self, *, issuer: IssuerUrl, store: Store, rollover: KeyRollover) -> None:
        self._issuer = issuer
        self._store = store
        self._rollover = rollover

    async def all(self, call: Call) -> Answer:
        """GET keys: every key there ever was, oldest first."""
        parse_query(call.query, frozenset())
        keys = await self._store.signing_keys(self._issuer)
        return json_answer(200, {"keys": [key_document(key) for key in keys]})

    async def rotate(self, call: Call) -> Answer:
        """POST keys/rotate: announce a key; a repeat before it is active is a conflict."""
        asked = parse_json(call.body, call.content_type, _Rotation)
        key = await self._rollover.rotate(
            asked.use, asked.algorithm, actor=call.act.actor, trace=call.act.trace
        )
        return json_answer(201, key_document(key))
