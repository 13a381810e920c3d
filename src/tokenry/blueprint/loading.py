"""A blueprint with the files it names: what reconciling needs, read as one."""

from collections.abc import Callable
from hashlib import sha256

import msgspec

from tokenry.blueprint.declarations import Blueprint
from tokenry.blueprint.key_sets import read_key_sets
from tokenry.blueprint.parse import parse_blueprint
from tokenry.vocabulary.identifiers import ClientId


class BlueprintUnreadable(Exception):
    """The file itself cannot be read; says which, why, and what to do."""


class LoadedBlueprint(msgspec.Struct, frozen=True, kw_only=True):
    """What a file declares, clients' public keys (JWK sets as JSON), and a digest of it all.

    `digest` is hex SHA-256 over the file and the key sets: the name of this version in the record.
    """

    declared: Blueprint
    key_sets: dict[ClientId, bytes]
    digest: str


def load_blueprint(data: bytes, read: Callable[[str], bytes]) -> LoadedBlueprint:
    """Read a blueprint; `read` gets the path of each file it names, as written there.

    Raises BlueprintError with every problem.
    """
    declared = parse_blueprint(data)
    key_sets = read_key_sets(declared, read)
    digest = sha256(data)
    for client_id in sorted(key_sets):
        digest.update(b"\0" + client_id.encode() + b"\0" + key_sets[client_id])
    return LoadedBlueprint(declared=declared, key_sets=key_sets, digest=digest.hexdigest())
