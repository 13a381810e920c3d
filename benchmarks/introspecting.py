"""P-5: introspection of a token by its resource server, beside oidc-provider."""

import http.client
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks import peers
from benchmarks.authority import FORM, authority, basic
from benchmarks.measuring import Load, Measurement, burst, form_post, free_port, middle, server

ROUNDS = 3


def measure() -> Iterator[Measurement]:
    """Each introspects a token it issued; oidc-provider an opaque one, for it takes no JWT."""
    peers.prepare()
    ours: list[Load] = []
    node: list[Load] = []
    secret = "s" * 43
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            with authority() as running:
                body = f"token={running.token()}"
                caller = basic("orders", running.service_secret)
                request = form_post("/introspect", body, authorization=caller)
                ours.append(burst(running.public_port, request, running.pid))
            port = free_port()
            command = [peers.NODE, peers.script("oidc_provider.mjs"), str(port), secret, "opaque"]
            with server(command, port, log=Path(folder) / "node.log") as pid:
                token = urllib.parse.quote(_node_token(port, secret), "")
                caller = basic("bench", secret)
                request = form_post("/token/introspection", f"token={token}", authorization=caller)
                node.append(burst(port, request, pid))
    mine, theirs = middle(ours), middle(node)
    rate = mine.rate / theirs.rate
    yield Measurement(
        id="P-5",
        what="introspection, rate on one core",
        unit="answers/s",
        ours=round(mine.rate),
        peer=round(theirs.rate),
        peer_name="oidc-provider 9, in memory",
        ratio=round(rate, 2),
        budget="≥ 4",
        within=rate >= 4,
    )


def _node_token(port: int, secret: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {
        "authorization": basic("bench", secret),
        "content-type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", "/token", FORM, headers)
    token = msgspec.json.decode(connection.getresponse().read())["access_token"]
    connection.close()
    return str(token)
