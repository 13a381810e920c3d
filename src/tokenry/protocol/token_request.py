"""A token request as the edge has read it, and a successful answer (RFC 6749 §4, §5.1)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tokenry.protocol.client_auth import PresentedClient
from tokenry.vocabulary.claims import CLIENT_CREDENTIALS
from tokenry.vocabulary.errors import InvalidRequest, UnsupportedGrantType

TOKEN_TYPE_BEARER: Final = "Bearer"
GRANT_TYPES: Final = frozenset({CLIENT_CREDENTIALS})


class TokenRequest(msgspec.Struct, frozen=True):
    """Parsed and unproven. `scope` None and an empty `resources` mean that none was asked for."""

    grant_type: str | None
    presented: PresentedClient
    scope: str | None
    resources: tuple[str, ...]


class TokenAnswer(msgspec.Struct, frozen=True):
    """A successful answer (RFC 6749 §5.1). `scope` is always told, `expires_in` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


def token_request(
    presented: PresentedClient, form: Mapping[str, str], resources: tuple[str, ...]
) -> TokenRequest:
    """Collect the parameters that grants share; unknown ones are ignored (RFC 6749 §3.2)."""
    return TokenRequest(form.get("grant_type"), presented, form.get("scope"), resources)


def require_grant_type(grant_type: str | None) -> str:
    """Return the grant type.

    Raises InvalidRequest if it is missing, UnsupportedGrantType if it is not one of `GRANT_TYPES`.
    """
    if grant_type is None:
        raise InvalidRequest(
            because="no grant_type", description="The parameter grant_type is missing."
        )
    if grant_type not in GRANT_TYPES:
        raise UnsupportedGrantType(because="unknown grant_type")
    return grant_type
