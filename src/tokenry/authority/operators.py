"""Who administers: operators proven by their token, each act checked against their duties (R-53).

The directory is read for every request: an operator who was removed is refused from that commit on.
"""

from hashlib import sha256
from hmac import compare_digest
from typing import Final

from tokenry.blueprint.declarations import Duty
from tokenry.ports.store import Store
from tokenry.protocol.registry import Operator
from tokenry.vocabulary.errors import InsufficientScope, InvalidToken
from tokenry.vocabulary.identifiers import IssuerUrl

TOKEN_PREFIX: Final = "tko_"
_MAX_PRESENTED: Final = 256


class Operators:
    """The operators of one issuer."""

    def __init__(self, *, issuer: IssuerUrl, store: Store) -> None:
        self._issuer = issuer
        self._store = store

    async def authenticate(self, token: str) -> Operator:
        """Return the operator whose token this is.

        In time that does not depend on which digest comes close. Raises InvalidToken and
        StoreUnavailable.
        """
        if len(token) > _MAX_PRESENTED:
            raise InvalidToken(because="the operator token is too long")
        directory = (await self._store.directory(self._issuer)).value
        digest = sha256(token.encode()).digest()
        proven: Operator | None = None
        for operator in directory.operators:
            if compare_digest(operator.token_digest, digest):
                proven = operator
        if proven is None:
            raise InvalidToken(because="no operator has this token")
        return proven


def require_duty(operator: Operator, duty: Duty) -> None:
    """Raise InsufficientScope unless the operator has the duty."""
    if duty not in operator.duties:
        raise InsufficientScope(
            because=f"operator {operator.name} lacks the duty {duty}",
            description=f"This needs an operator with the duty {duty}.",
        )
