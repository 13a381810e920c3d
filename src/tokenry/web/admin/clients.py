"""Clients and resource servers: the duty `clients`."""

from typing import Any, Final

import msgspec

from tokenry.authority.client_registration import NewClient
from tokenry.authority.clients import DEFAULT_OVERLAP, Clients
from tokenry.blueprint.declarations import ClientAuthMethod
from tokenry.blueprint.key_sets import ClientKeysRefused, client_key_set
from tokenry.ports.store import Store
from tokenry.vocabulary.bounds import MAX_SCOPES
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl, ResourceServerName
from tokenry.vocabulary.instant import Seconds
from tokenry.web.admin.documents import client_document, resource_server_document
from tokenry.web.admin.endpoint import Call
from tokenry.web.admin.input import number_of, parse_json, parse_query
from tokenry.web.body import Answer, json_answer

DEFAULT_PAGE: Final = 100
_SHOWN_ONCE: Final = "The secret is shown this once; only its digest is kept."
_REPEATED: Final = (
    "This was done before under the same Idempotency-Key, and the secret was in the first answer."
    " If that is lost, rotate the secret."
)
_SUSPENDED: Final = "Ends the tokens that exist; no new ones are issued until it is resumed."
_SUSPENDED_BEFORE: Final = (
    "This was done before under the same Idempotency-Key, and nothing was done now: `suspended`"
    " says how the client stands."
)
_REMOVED: Final = "Ends the tokens that exist; the client is gone."
_REMOVED_BEFORE: Final = (
    "This was done before under the same Idempotency-Key, and nothing was done now."
)


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An act that takes no members."""


class _NewClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    client_id: str | None = None
    name: str = ""
    auth: ClientAuthMethod = "client_secret_basic"
    access: dict[str, tuple[str, ...]]
    jwks: dict[str, Any] | None = None


class _Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap: int = DEFAULT_OVERLAP


class ClientActs:
    """Lists, adds, suspends, resumes, rotates and removes."""

    def __init__(self, *, issuer: IssuerUrl, clients: Clients, store: Store) -> None:
        self._issuer = issuer
        self._clients = clients
        self._store = store

    async def page(self, call: Call) -> Answer:
        """GET clients?after=&limit=."""
        query = parse_query(call.query, frozenset({"after", "limit"}))
        after = query.get("after")
        page = await self._clients.page(
            after=None if after is None else ClientId(after),
            limit=number_of(query, "limit", DEFAULT_PAGE),
        )
        return json_answer(200, {"clients": [client_document(client) for client in page]})

    async def show(self, call: Call) -> Answer:
        """GET clients/ID."""
        parse_query(call.query, frozenset())
        return json_answer(200, client_document(await self._clients.find(_client_id(call))))

    async def add(self, call: Call) -> Answer:
        """POST clients."""
        asked = parse_json(call.body, call.content_type, _NewClient)
        if len(asked.access) > MAX_SCOPES or any(
            len(scopes) > MAX_SCOPES for scopes in asked.access.values()
        ):
            raise InvalidRequest(
                because="too much access",
                description=f"access names at most {MAX_SCOPES} resource servers and scopes each.",
            )
        new = NewClient(
            id=None if asked.client_id is None else ClientId(asked.client_id),
            name=asked.name,
            auth=asked.auth,
            access={ResourceServerName(name): scopes for name, scopes in asked.access.items()},
            jwks=None if asked.jwks is None else _key_set(asked.jwks),
        )
        added = await self._clients.add(new, call.act)
        return json_answer(
            200 if added.repeated else 201,
            {
                **msgspec.structs.asdict(client_document(added.client)),
                **_secret(added.secret, repeated=added.repeated),
            },
        )

    async def rotate_secret(self, call: Call) -> Answer:
        """POST clients/ID/rotate-secret."""
        asked = parse_json(call.body, call.content_type, _Rotation)
        rotated = await self._clients.rotate_secret(
            _client_id(call), call.act, overlap=Seconds(asked.overlap)
        )
        return json_answer(
            200,
            {
                **msgspec.structs.asdict(client_document(rotated.client)),
                **_secret(rotated.secret, repeated=rotated.repeated),
            },
        )

    async def suspend(self, call: Call) -> Answer:
        """POST clients/ID/suspend."""
        parse_json(call.body, call.content_type, _Nothing)
        suspended = await self._clients.suspend(_client_id(call), call.act)
        document = msgspec.structs.asdict(client_document(suspended.client))
        note = _SUSPENDED_BEFORE if suspended.repeated else _SUSPENDED
        return json_answer(200, {**document, "numbers": suspended.numbers, "note": note})

    async def resume(self, call: Call) -> Answer:
        """POST clients/ID/resume."""
        parse_json(call.body, call.content_type, _Nothing)
        client = await self._clients.resume(_client_id(call), call.act)
        return json_answer(200, client_document(client))

    async def remove(self, call: Call) -> Answer:
        """DELETE clients/ID."""
        client_id = _client_id(call)
        removed = await self._clients.remove(client_id, call.act)
        note = _REMOVED_BEFORE if removed.repeated else _REMOVED
        answer = {"client_id": client_id, "numbers": removed.numbers, "note": note}
        return json_answer(200, answer)

    async def resource_servers(self, call: Call) -> Answer:
        """GET resource-servers."""
        parse_query(call.query, frozenset())
        directory = (await self._store.directory(self._issuer)).value
        documents = [resource_server_document(server) for server in directory.resource_servers]
        return json_answer(200, {"resource_servers": documents})


def _client_id(call: Call) -> ClientId:
    return ClientId(call.path["client_id"])


def _secret(secret: str | None, *, repeated: bool) -> dict[str, str | None]:
    if secret is not None:
        return {"client_secret": secret, "note": _SHOWN_ONCE}
    return {"client_secret": None, "note": _REPEATED} if repeated else {}


def _key_set(jwks: dict[str, Any]) -> bytes:
    try:
        return client_key_set(jwks)
    except ClientKeysRefused as refused:
        raise InvalidRequest(because="unusable jwks", description=f"jwks: {refused}.") from None
