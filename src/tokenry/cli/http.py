"""HTTP as commands speak it: one bounded answer, and failures told as what to do next."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from tokenry.cli.connection import is_loopback
from tokenry.cli.failures import CommandFailed, Unreachable

if TYPE_CHECKING:
    import httpx2

MAX_ANSWER: Final = 16 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0


@contextmanager
def http_client(url: str, *, ca_file: Path | None) -> "Iterator[httpx2.Client]":
    """Open a client for one authority. Raises CommandFailed for an unusable `ca_file`."""
    import httpx2  # takes long to import

    verify: ssl.SSLContext | bool = True
    if ca_file is not None:
        try:
            verify = ssl.create_default_context(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise CommandFailed(
                f"cannot use {ca_file}: {error}", next_step="give a PEM file with --ca-file"
            ) from None
    timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    # What is on this machine is not asked through a proxy.
    trust_env = not is_loopback(urlsplit(url).hostname)
    with httpx2.Client(verify=verify, timeout=timeout, trust_env=trust_env) as client:
        yield client


class Answer(msgspec.Struct, frozen=True):
    """A status and a JSON object; `is_json` False: the body was none, and `document` is empty."""

    status: int
    document: dict[str, Any]
    is_json: bool


def ask(
    client: "httpx2.Client",
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    content: bytes | None = None,
    form: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    wait: float = 0,
) -> Answer:
    """Ask once; `wait` is how much longer than usual the answer may take. Raises Unreachable."""
    import httpx2  # takes long to import

    address = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    try:
        with client.stream(
            method,
            url,
            headers=dict(headers or {}),
            params=params,
            content=content,
            data=None if form is None else dict(form),
            auth=auth,
            timeout=httpx2.Timeout(ANSWER_SECONDS + wait, connect=CONNECT_SECONDS),
        ) as response:
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise CommandFailed(f"{address} answers more than {MAX_ANSWER} bytes")
            return _answer(response.status_code, body)
    except httpx2.ConnectError as error:
        next_step = "is the authority running? `tokenry serve` starts it"
        if "certificate" in str(error).lower():
            next_step = "give the certificate of its authority with --ca-file"
        raise Unreachable(f"cannot reach {address}: {error}", next_step=next_step) from None
    except httpx2.TimeoutException:
        raise Unreachable(
            f"{address} does not answer",
            next_step="it may have done what was asked: look before you ask again",
        ) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unreachable(
            f"lost {address}: {error}",
            next_step="it may have done what was asked: look before you ask again",
        ) from None


def _answer(status: int, body: bytes) -> Answer:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        document = None
    if isinstance(document, dict):
        return Answer(status, document, is_json=True)
    return Answer(status, {}, is_json=False)
