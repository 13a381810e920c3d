"""Telling what grants access from what only names something, where an operator gives an id.

Ids are written into the record, which never holds a token or a secret (G-6). A token in the place
of an id would also revoke nothing, and go on being accepted.
"""

import re
from typing import Final

from tokenry.vocabulary.errors import InvalidRequest

# Reference tokens, secrets of clients, operators and services, whole or cut short; a compact JWS.
# No id that Tokenry makes is as long: a handle has 22 characters.
_SECRET: Final = re.compile(
    r"tk[a-z]_[A-Za-z0-9_-]{20}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"
)


def require_no_secret(id_: str, *, instead: str) -> None:
    """Raise InvalidRequest, which does not repeat it, for what has the form of a token or secret.

    `instead` tells what to do.
    """
    if _SECRET.search(id_):
        raise InvalidRequest(
            because="a token or secret in the place of an id",
            description=f"This is a token or a secret, not an id. {instead}",
        )
