"""What a client may be registered with, and what becomes of its secrets: rules without a store."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec

from tokenry.blueprint.declarations import ClientAuthMethod
from tokenry.protocol.directory_index import DirectoryIndex
from tokenry.protocol.pasted_secret import require_no_secret
from tokenry.protocol.registry import Client, Origin, Secret
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.identifiers import (
    ClientId,
    Entropy,
    IssuerUrl,
    ResourceServerName,
    encode_base64url,
    new_handle,
    new_secret,
)
from tokenry.vocabulary.instant import Instant, Seconds, later

MAX_OVERLAP: Final = Seconds(30 * 24 * 3600)
MAX_CURRENT_SECRETS: Final = 4
SECRET_PREFIX: Final = "tks_"
_MAX_NAME: Final = 256
_HANDLE_BYTES: Final = 16
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}")


class UnknownClient(InvalidRequest):
    """No client has this id."""

    code = "not_found"
    status = 404
    default_description = "There is no client with this id."


class ClientConflict(InvalidRequest):
    """The client's state does not allow the act; the description says what does."""

    code = "conflict"
    status = 409
    default_description = "The state of the client does not allow this."


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client to be registered. `id` None: a fresh random one. `jwks` is a checked key set."""

    id: ClientId | None = None
    name: str = ""
    auth: ClientAuthMethod = "client_secret_basic"
    access: Mapping[ResourceServerName, tuple[str, ...]]
    jwks: bytes | None = None


def require_registrable(new: NewClient, client_id: ClientId, directory: DirectoryIndex) -> None:
    """Raise InvalidRequest for a client that could never get a token, or get more than exists."""
    for shown in (client_id, new.name):
        require_no_secret(shown, instead="Choose an id and a name that may be seen.")
    if not _CLIENT_ID.fullmatch(client_id):
        raise InvalidRequest(
            because="malformed client id",
            description="client_id has up to 128 characters A-Z, a-z, 0-9, . _ ~ and -, and does"
            " not begin with a dot.",
        )
    if len(new.name) > _MAX_NAME:
        raise InvalidRequest(
            because="the name is too long", description=f"name has up to {_MAX_NAME} characters."
        )
    if (new.auth == "private_key_jwt") != (new.jwks is not None):
        raise InvalidRequest(
            because="auth and jwks do not fit",
            description="jwks is needed for private_key_jwt, and for that alone.",
        )
    for name, scopes in new.access.items():
        server = directory.by_name.get(name)
        if server is None:
            known = ", ".join(directory.by_name) or "none"
            raise InvalidRequest(
                because="access to an unknown resource server",
                description=f"access names an unknown resource server; known is {known}.",
            )
        if not set(scopes) <= server.scopes.keys() or len(set(scopes)) != len(scopes):
            raise InvalidRequest(
                because=f"access to unknown or repeated scopes of {name}",
                description=f"access lists scopes that {name} declares, each once:"
                f" {' '.join(server.scopes)}.",
            )


def fresh_client_secret(entropy: Entropy) -> str:
    """Return a new secret of 256 bits."""
    return SECRET_PREFIX + new_secret(entropy)


def fresh_client_id(
    entropy: Entropy, *, issuer: IssuerUrl, actor: str, idempotency_key: str | None
) -> ClientId:
    """Return a random id; under an Idempotency-Key always the same one, so a repeat finds it."""
    if idempotency_key is None:
        return ClientId(new_handle(entropy))
    seed = f"client id\0{issuer}\0{actor}\0{idempotency_key}".encode()
    return ClientId(encode_base64url(sha256(seed).digest()[:_HANDLE_BYTES]))


def secret_digest(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return sha256(secret.encode()).digest()


def with_new_secret(client: Client, secret: str, *, overlap: Seconds, now: Instant) -> Client:
    """Return the client with one more secret; the others end `overlap` from now at the latest.

    Secrets that have ended go, except those that a blueprint declares (see `Secret`). Raises
    InvalidRequest for an overlap out of bounds, and ClientConflict for a client that uses keys or
    has too many secrets in force.
    """
    if not 0 <= overlap <= MAX_OVERLAP:
        raise InvalidRequest(
            because="overlap is out of bounds",
            description=f"overlap is 0 to {MAX_OVERLAP} seconds.",
        )
    if client.auth == "private_key_jwt":
        raise ClientConflict(
            because="the client uses keys",
            description="This client authenticates with keys; register new ones instead.",
        )
    end = later(now, overlap)
    kept: list[Secret] = []
    in_force = 0
    for held in client.secrets:
        has_ended = held.expires_at is not None and held.expires_at <= now
        if has_ended and held.origin is not Origin.BLUEPRINT:
            continue
        in_force += not has_ended
        sooner = end if held.expires_at is None else min(end, held.expires_at)
        kept.append(msgspec.structs.replace(held, expires_at=sooner))
    if in_force >= MAX_CURRENT_SECRETS and overlap > 0:
        raise ClientConflict(
            because=f"{in_force} secrets are in force",
            description=f"{in_force} secrets are in force: wait until some have ended, or rotate"
            " with an overlap of 0.",
        )
    added = Secret(secret_digest(secret), now, origin=Origin.CLI)
    return msgspec.structs.replace(client, secrets=(*kept, added))
