"""Revoking all tokens of a client or an audience, as a part of changing the directory (G-1)."""

from tokenry.authority.planned_revocation import planned
from tokenry.ports.plans import Revocation
from tokenry.protocol.directory_index import DirectoryIndex
from tokenry.protocol.revocation import revocation_of
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SelectorKind


def class_revocation(
    issuer: IssuerUrl,
    kind: SelectorKind,
    value: str,
    *,
    directory: DirectoryIndex,
    now: Instant,
) -> Revocation:
    """Return the revocation of everything that carries an id, for a plan with other changes.

    `directory` is the one before the change: tokens may live that were issued under it.
    """
    return planned(revocation_of(kind, value, issuer=issuer, directory=directory, now=now))
