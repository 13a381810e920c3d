"""Find an authority's public endpoints by its metadata, as any client does (RFC 8414)."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tokenry.cli.connection import require_private
from tokenry.cli.failures import CommandFailed
from tokenry.cli.http import ask
from tokenry.protocol.metadata import WELL_KNOWN, well_known_path
from tokenry.vocabulary.identifiers import IssuerUrl

if TYPE_CHECKING:
    import httpx2

_OK: Final = 200


def discover(client: "httpx2.Client", issuer: str) -> dict[str, Any]:
    """Return the metadata of an issuer. Raises CommandFailed when it is not that issuer's own."""
    require_private(issuer, "a request for a token", option="--issuer")
    parts = urlsplit(issuer)
    url = f"{parts.scheme}://{parts.netloc}{well_known_path(IssuerUrl(issuer))}"
    answer = ask(client, "GET", url)
    if answer.status != _OK:
        raise CommandFailed(
            f"{url} answers {answer.status}, and not with metadata",
            next_step=f"check --issuer; metadata is at {WELL_KNOWN}, before the issuer's path",
        )
    if answer.document.get("issuer") != issuer:
        raise CommandFailed(
            f"{url} is the metadata of {answer.document.get('issuer')!r}, not of {issuer!r}",
            next_step="give --issuer exactly as the authority publishes it",
        )
    return answer.document


def endpoint(metadata: dict[str, Any], member: str) -> str:
    """Return the address of an endpoint. Raises CommandFailed when it is missing or unprotected."""
    url = metadata.get(member)
    if not isinstance(url, str):
        raise CommandFailed(f"the authority's metadata names no {member}")
    require_private(url, "a request", option="--issuer")
    return url
