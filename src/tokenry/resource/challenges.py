"""WWW-Authenticate: what a client is told to do next (RFC 6750 §3, RFC 9728 §5.1, RFC 9470 §3).

A challenge is a function of the reason, the scopes the request needs, and this service's own
settings. Nothing of the request or the token is ever in it.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

from tokenry.resource.refusal import ANSWERS, Reason

_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_QUOTABLE: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")

_SAYS_SCOPE: Final = frozenset({Reason.NO_TOKEN, Reason.SCOPE})


class Challenges:
    """Makes the challenges of one service.

    `resource_metadata` is the URL of its RFC 9728 document, `realm` an optional name for people.
    Raises ValueError if one cannot stand in a quoted string.
    """

    def __init__(self, *, resource_metadata: str | None, realm: str | None = None) -> None:
        parameters = []
        if realm is not None:
            parameters.append(("realm", realm))
        if resource_metadata is not None:
            parameters.append(("resource_metadata", resource_metadata))
        self._constant = _rendered(parameters)

    def challenge(
        self,
        reason: Reason,
        *,
        scopes: Collection[str] = (),
        more: Iterable[tuple[str, str]] = (),
    ) -> str | None:
        """Return the challenge for a refusal; None where asking for a token would not help.

        `more` adds parameters of other specifications, such as `acr_values` and `max_age`.
        """
        answer = ANSWERS[reason]
        if answer.status == 503:
            return None
        parameters: list[tuple[str, str]] = []
        # RFC 6750 §3.1: no error for a request that presented no token.
        if answer.code is not None:
            parameters.append(("error", answer.code))
            parameters.append(("error_description", answer.description))
        if scopes and reason in _SAYS_SCOPE:
            parameters.append(("scope", " ".join(sorted(scopes))))
        parameters.extend(more)
        said = ", ".join(part for part in (_rendered(parameters), self._constant) if part)
        return f"Bearer {said}" if said else "Bearer"


def is_scope(name: str) -> bool:
    """Say whether `name` is one scope-token (RFC 6749 §3.3)."""
    return _SCOPE_TOKEN.fullmatch(name) is not None


def require_scope_names(names: Collection[str]) -> None:
    """Raise TypeError or ValueError unless these are scopes, each by itself."""
    if isinstance(names, str):
        raise TypeError(f"expected a collection of scopes, such as {{{names!r}}}, found a str")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"expected each scope to be a str, found {name!r}")
        if not is_scope(name):
            raise ValueError(
                f"expected one scope of printable ASCII without space, quote and backslash "
                f"(RFC 6749 §3.3), found {name!r}"
            )


def _rendered(parameters: Iterable[tuple[str, str]]) -> str:
    for name, value in parameters:
        if not _QUOTABLE.fullmatch(value):
            raise ValueError(
                f"expected {name} of printable ASCII without quotes and backslashes (RFC 6750 §3)"
            )
    return ", ".join(f'{name}="{value}"' for name, value in parameters)
