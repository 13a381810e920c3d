"""The admin API, as commands call it: an answer, or a failure that says what to do next."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokenry.cli.connection import AdminAddress, Connection
from tokenry.cli.failures import CommandFailed, NotAuthorised
from tokenry.cli.http import Answer, ask, http_client
from tokenry.vocabulary.identifiers import new_handle

if TYPE_CHECKING:
    import httpx2

_PREFIX: Final = "/admin/v1"


class AdminClient:
    """Speaks to one authority as one operator."""

    def __init__(self, address: AdminAddress, client: "httpx2.Client") -> None:
        self.address = address
        self._client = client

    def get(self, path: str, *, wait: int = 0, **query: str | int | None) -> dict[str, Any]:
        """Read something; `wait` asks the authority to wait for news, in seconds."""
        params: dict[str, str | int] = {
            name: value for name, value in query.items() if value is not None
        }
        if wait:
            params["wait"] = wait
        return self._ask("GET", path, params=params, wait=wait)

    def post(self, path: str, **members: object) -> dict[str, Any]:
        """Do something, under a fresh Idempotency-Key; members that are None are left out."""
        body = {name: value for name, value in members.items() if value is not None}
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": new_handle(os.urandom),
        }
        return self._ask("POST", path, content=msgspec.json.encode(body), headers=headers)

    def delete(self, path: str) -> dict[str, Any]:
        """Remove something."""
        return self._ask("DELETE", path)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        **more: Any,  # noqa: ANN401 # what `ask` takes
    ) -> dict[str, Any]:
        answer = ask(
            self._client,
            method,
            f"{self.address.url}{_PREFIX}{path}",
            headers={"Authorization": f"Bearer {self.address.token}", **(headers or {})},
            **more,
        )
        if answer.is_json and "error" not in answer.document and answer.status // 100 == 2:
            return answer.document
        raise _failure(answer, self.address, path)


@contextmanager
def admin_client(connection: Connection) -> Iterator[AdminClient]:
    """Open the admin API that a command's options name. Raises CommandFailed."""
    address = connection.address()
    with http_client(address.url, ca_file=address.ca_file) as client:
        yield AdminClient(address, client)


def _failure(answer: Answer, address: AdminAddress, path: str) -> CommandFailed:
    said = answer.document.get("error_description")
    if not isinstance(said, str):
        return CommandFailed(
            f"{address.url} answers {answer.status}, and not as an admin API does",
            next_step="check --admin-url: it is the admin listener, not the public one",
        )
    match answer.status:
        case 401:
            return NotAuthorised(
                f"{address.url} does not know this operator token",
                next_step="check --data or TOKENRY_OPERATOR_TOKEN; the blueprint's [operators]"
                " holds the SHA-256 of each token",
            )
        case 403:
            return NotAuthorised(said, next_step="the blueprint's [operators] lists duties")
        case 404 if not path.startswith("/clients/"):
            return CommandFailed(
                f"{address.url} has no {path}",
                next_step="check --admin-url: it is the admin listener, not the public one",
            )
        case 503:
            return CommandFailed(
                f"the authority cannot do this now (trace {answer.document.get('trace_id')})",
                next_step="try again; if it stays so, look at /readyz and at its log",
            )
        case status if status >= 500:
            return CommandFailed(
                f"the authority failed (trace {answer.document.get('trace_id')})",
                next_step="look for this trace in its log",
            )
        case _:
            return CommandFailed(said)
