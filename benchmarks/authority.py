"""An authority to measure: `tokenry serve` as anyone would start it, pinned to a core."""

import base64
import contextlib
import http.client
import os
import tempfile
import urllib.parse
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from benchmarks.measuring import SERVER_CORE, form_post
from tokenry.demo.processes import Processes, free_ports
from tokenry.vocabulary.identifiers import new_secret

AUDIENCE = "https://orders.example"
FORM = (
    f"grant_type=client_credentials&scope=orders.read&resource={urllib.parse.quote(AUDIENCE, '')}"
)


class Authority(msgspec.Struct, frozen=True):
    """A running authority and the credentials of what takes part."""

    pid: int
    public_port: int
    admin_port: int
    client_secret: str
    service_secret: str
    operator_token: str

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.public_port}"

    @property
    def token_request(self) -> bytes:
        return form_post("/token", FORM, authorization=basic("bench", self.client_secret))

    def token(self) -> str:
        """Get one token, as a client would."""
        connection = http.client.HTTPConnection("127.0.0.1", self.public_port, timeout=10)
        headers = {
            "authorization": basic("bench", self.client_secret),
            "content-type": "application/x-www-form-urlencoded",
        }
        connection.request("POST", "/token", FORM, headers)
        body = connection.getresponse().read()
        connection.close()
        return str(msgspec.json.decode(body)["access_token"])


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


@contextlib.contextmanager
def authority(*, pinned: bool = True) -> Iterator[Authority]:
    """Run `tokenry serve` in a temporary directory until the caller is done."""
    secrets = {name: new_secret(os.urandom) for name in ("client", "service", "operator")}
    hashed = {name: sha256(secret.encode()).hexdigest() for name, secret in secrets.items()}
    public_port, admin_port = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="tokenry-bench-") as folder:
        blueprint = Path(folder) / "tokenry.toml"
        blueprint.write_text(f"""
[issuer]
url = "http://127.0.0.1:{public_port}"
unsafe_http_on_loopback = true
[listeners.public]
port = {public_port}
[listeners.admin]
port = {admin_port}
[resource_servers.orders]
audience = "{AUDIENCE}"
secret_sha256 = ["{hashed["service"]}"]
[resource_servers.orders.scopes."orders.read"]
description = "Read orders"
[clients.bench]
secret_sha256 = ["{hashed["client"]}"]
[clients.bench.access]
orders = ["orders.read"]
[operators.bench]
token_sha256 = "{hashed["operator"]}"
duties = ["clients", "revoke", "keys", "audit", "feed"]
""")
        with Processes(Path(folder)) as processes:
            pid = processes.start(
                "authority",
                "tokenry",
                "serve",
                "--blueprint",
                str(blueprint),
                "--data",
                str(Path(folder) / "data"),
                prefix=("taskset", "-c", str(SERVER_CORE)) if pinned else (),
            )
            processes.wait_ready("authority", admin_port, "/readyz")
            yield Authority(
                pid,
                public_port,
                admin_port,
                secrets["client"],
                secrets["service"],
                secrets["operator"],
            )
