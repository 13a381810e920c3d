"""Client authentication: one method per request, the one registered, told apart by nothing outside.

RFC 6749 §2.3, RFC 7521 §4.2. A `PresentedClient` is what somebody claims; an `AuthenticatedClient`
is proven. An unknown client is taken through the same steps as a known one and fails with the same
answer. Assertions are in `client_assertion`.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple

import msgspec

from tokenry.blueprint.declarations import ClientAuthMethod
from tokenry.jose import KeySet
from tokenry.protocol.client_assertion import (
    AssertionUse,
    PresentedAssertion,
    prove_assertion,
    read_assertion,
)
from tokenry.protocol.registry import Client, ResourceServer, Secret
from tokenry.vocabulary.bounds import MAX_IDENTIFIER_BYTES
from tokenry.vocabulary.claims import JWT_BEARER_ASSERTION
from tokenry.vocabulary.errors import InvalidClient, InvalidRequest
from tokenry.vocabulary.identifiers import ClientId, IssuerUrl
from tokenry.vocabulary.instant import Instant

# Compared with when there is nothing to compare with, so that it takes as long; it has ended.
_NO_SECRETS: Final = (Secret(bytes(32), Instant(0), Instant(0)),)


class BasicCredentials(NamedTuple):
    """Name and secret of an Authorization header, form-decoded (RFC 6749 §2.3.1)."""

    name: str
    secret: str


class PresentedSecret(msgspec.Struct, frozen=True, gc=False):
    """A client that says it knows a secret."""

    client_id: ClientId
    method: ClientAuthMethod
    secret: str


PresentedClient = PresentedSecret | PresentedAssertion


class AuthenticatedClient(msgspec.Struct, frozen=True):
    """A registered client that has proven to be it.

    `assertion` must be claimed in the transaction that acts on the request (G-2).
    """

    client: Client
    assertion: AssertionUse | None = None


def present_client(basic: BasicCredentials | None, form: Mapping[str, str]) -> PresentedClient:
    """Return who the request says it is from, and how it would prove it.

    Raises InvalidRequest for more than one method or a client_id that contradicts it, and
    InvalidClient when there is none or it is not one of ours (RFC 6749 §2.3, §5.2).
    """
    if basic is not None:
        if "client_secret" in form or "client_assertion" in form:
            raise _more_than_one_method()
        presented: PresentedClient = PresentedSecret(
            _client_id(basic.name), "client_secret_basic", basic.secret
        )
    elif "client_assertion" in form or "client_assertion_type" in form:
        if "client_secret" in form:
            raise _more_than_one_method()
        presented = _presented_assertion(form)
    elif "client_secret" in form:
        if "client_id" not in form:
            raise InvalidRequest(
                because="client_secret without client_id",
                description="client_secret needs client_id beside it.",
            )
        return PresentedSecret(
            _client_id(form["client_id"]), "client_secret_post", form["client_secret"]
        )
    else:
        raise InvalidClient(because="no client authentication")
    if form.get("client_id", presented.client_id) != presented.client_id:
        raise InvalidRequest(
            because="client_id differs from the authenticating client",
            description="client_id names another client than the one that authenticates.",
        )
    return presented


def authenticate_client(
    presented: PresentedClient,
    client: Client | None,
    *,
    keys: KeySet | None = None,
    issuer: IssuerUrl,
    now: Instant,
) -> AuthenticatedClient:
    """Prove what was presented against the registered client of that id, or None.

    `keys` are the client's `registered_keys`, needed for an assertion alone. Raises InvalidClient,
    always with the same answer; `because` says which step failed.
    """
    if isinstance(presented, PresentedSecret):
        secrets = () if client is None else client.secrets
        proven = secret_is_current(presented.secret, secrets, now=now)
        if client is None or not proven or client.auth != presented.method:
            raise InvalidClient(because=_why(client, presented.method))
        return AuthenticatedClient(client)
    use = prove_assertion(presented, keys, issuer=issuer, now=now)
    if client is None or client.auth != "private_key_jwt":
        raise InvalidClient(because=_why(client, "private_key_jwt"))
    return AuthenticatedClient(client, use)


def require_standing(client: Client) -> None:
    """Raise InvalidClient for a client that is suspended, whatever it has proven."""
    if client.suspended:
        raise InvalidClient(because="the client is suspended")


def authenticate_resource_server(
    presented: BasicCredentials | None, server: ResourceServer | None, *, now: Instant
) -> ResourceServer:
    """Prove that a request is from the resource server of that name. Raises InvalidClient."""
    if presented is None:
        raise InvalidClient(because="no resource server authentication")
    secrets = () if server is None else server.secrets
    proven = secret_is_current(presented.secret, secrets, now=now)
    if server is None or not proven:
        raise InvalidClient(because="unknown resource server, or not its secret")
    return server


def secret_is_current(presented: str, secrets: tuple[Secret, ...], *, now: Instant) -> bool:
    """Say whether a presented secret is one of those in force.

    All are looked at, in time that depends on their number alone; several may overlap while one
    is rotated out.
    """
    digest = sha256(presented.encode()).digest()
    found = False
    for secret in secrets or _NO_SECRETS:
        same = compare_digest(secret.digest, digest)
        in_force = secret.expires_at is None or now < secret.expires_at
        found |= same and in_force
    return found


def _presented_assertion(form: Mapping[str, str]) -> PresentedAssertion:
    kind = form.get("client_assertion_type")
    if kind is None or "client_assertion" not in form:
        raise InvalidRequest(
            because="client_assertion and client_assertion_type do not come together",
            description="client_assertion and client_assertion_type are needed together.",
        )
    if kind != JWT_BEARER_ASSERTION:
        raise InvalidClient(because="unknown client_assertion_type")
    return read_assertion(form["client_assertion"])


def _client_id(value: str) -> ClientId:
    if not 0 < len(value) <= MAX_IDENTIFIER_BYTES:
        raise InvalidClient(because="client_id is empty or too long")
    return ClientId(value)


def _more_than_one_method() -> InvalidRequest:
    return InvalidRequest(
        because="more than one client authentication method",
        description="A request authenticates by one method only.",
    )


def _why(client: Client | None, method: ClientAuthMethod) -> str:
    if client is None:
        return "unknown client"
    if client.auth != method:
        return f"the client is registered for {client.auth}"
    return "not a secret of the client, or one that has ended"
