"""A live authority for journeys: `tokenry serve` as a process of its own, on SQLite, over HTTP."""

import http.client
import os
import signal
import urllib.parse
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tokenry.demo.processes import Processes, free_ports
from tokenry.jose import Algorithm, PrivateKey
from tokenry.vocabulary.identifiers import encode_base64url, new_secret

SCOPES = ("read", "write")


@dataclass
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def basic(name: str, secret: str) -> str:
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


def send(
    port: int,
    method: str,
    path: str,
    *,
    form: dict[str, str] | list[tuple[str, str]] | None = None,
    json: Any = None,
    **headers: str,
) -> Answer:
    """One request over loopback; header names are written with underscores."""
    body: bytes | None = None
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if form is not None:
        body = urllib.parse.urlencode(form).encode()
        sent.setdefault("content-type", "application/x-www-form-urlencoded")
    elif json is not None:
        body = msgspec.json.encode(json)
        sent.setdefault("content-type", "application/json")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    finally:
        connection.close()


@dataclass
class LiveAuthority:
    """The running authority with two JWT services, an opaque one, and clients of each method."""

    directory: Path
    public_port: int
    admin_port: int
    secrets: dict[str, str]
    robot_key: PrivateKey
    processes: Processes
    issuer_path: str = ""
    more: str = ""
    _starts: list[int] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.public_port}{self.issuer_path}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def pid(self) -> int:
        return self._starts[-1]

    def private_jwk(self) -> dict[str, str]:
        """The robot's private key, as clients that we did not write want it."""
        key = load_der_private_key(self.robot_key.to_pkcs8(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        number = key.private_numbers().private_value
        return {
            **self.robot_key.public.to_jwk(),
            "d": encode_base64url(number.to_bytes(32, "big")),
        }

    def audience(self, service: str) -> str:
        return f"https://{service}.example"

    def start(self) -> None:
        """Start (or start again) and wait until it is ready."""
        pid = self.processes.start(
            "authority",
            "tokenry",
            "serve",
            "--blueprint",
            str(self.directory / "tokenry.toml"),
            "--data",
            str(self.data),
        )
        self._starts.append(pid)
        self.processes.wait_ready("authority", self.admin_port, "/readyz")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        return self.processes.stop("authority", number)

    def send(self, method: str, path: str, **more: Any) -> Answer:
        """A request to the public listener, below the issuer's path."""
        return send(self.public_port, method, self.issuer_path + path, **more)

    def admin(self, method: str, path: str, **more: Any) -> Answer:
        """A request to the admin listener, as the operator who may do everything."""
        more.setdefault("authorization", f"Bearer {self.secrets['operator']}")
        return send(self.admin_port, method, path, **more)

    def revoke(self, *, key: str | None = None, **what: str) -> Answer:
        headers = {"idempotency_key": key or new_secret(os.urandom)}
        return self.admin("POST", "/admin/v1/revocations", json=what, **headers)

    def request_token(self, client: str = "shop", service: str = "orders", **form: str) -> Answer:
        body = {
            "grant_type": "client_credentials",
            "resource": self.audience(service),
            **form,
        }
        return self.send(
            "POST", "/token", form=body, authorization=basic(client, self.secrets[client])
        )

    def token(self, client: str = "shop", service: str = "orders", **form: str) -> str:
        answer = self.request_token(client, service, **form)
        assert answer.status == 200, answer
        return str(answer.json["access_token"])

    def introspect(self, token: str, service: str = "orders") -> Any:
        answer = self.send(
            "POST",
            "/introspect",
            form={"token": token},
            authorization=basic(service, self.secrets[service]),
        )
        assert answer.status == 200, answer
        return answer.json

    def audit(self) -> list[Any]:
        """Every audit entry so far, oldest first."""
        entries: list[Any] = []
        after = 0
        while True:
            answer = self.admin("GET", f"/admin/v1/audit?after={after}&limit=500")
            assert answer.status == 200, answer
            page = answer.json["entries"]
            if not page:
                return entries
            entries += page
            after = page[-1]["id"]


def write_live(directory: Path, *, issuer_path: str = "", more: str = "") -> LiveAuthority:
    """Write the blueprint of a live authority; `start` it afterwards."""
    names = ("orders", "payments", "vault", "shop", "kiosk", "operator")
    secrets = {name: new_secret(os.urandom) for name in names}
    hashed = {name: sha256(secret.encode()).hexdigest() for name, secret in secrets.items()}
    public_port, admin_port = free_ports(2)
    robot_key = PrivateKey.generate(Algorithm.ES256)
    (directory / "data").mkdir(mode=0o700)
    (directory / "robot.jwks.json").write_bytes(
        msgspec.json.encode({"keys": [robot_key.public.to_jwk()]})
    )
    services = "".join(
        f"""
[resource_servers.{name}]
audience = "https://{name}.example"
secret_sha256 = ["{hashed[name]}"]
token_format = "{"opaque" if name == "vault" else "jwt"}"
scopes."{name}.read" = {{ description = "Read {name}", low_risk = true }}
scopes."{name}.write" = {{ description = "Change {name}" }}
"""
        for name in ("orders", "payments", "vault")
    )
    access = "".join(
        f'{name} = ["{name}.read", "{name}.write"]\n' for name in ("orders", "payments", "vault")
    )
    (directory / "tokenry.toml").write_text(f"""
[issuer]
url = "http://127.0.0.1:{public_port}{issuer_path}"
unsafe_http_on_loopback = true
[listeners.public]
port = {public_port}
[listeners.admin]
port = {admin_port}
{services}
[clients.shop]
secret_sha256 = ["{hashed["shop"]}"]
[clients.shop.access]
{access}
[clients.kiosk]
auth = "client_secret_post"
secret_sha256 = ["{hashed["kiosk"]}"]
[clients.kiosk.access]
{access}
[clients.robot]
auth = "private_key_jwt"
jwks_file = "robot.jwks.json"
[clients.robot.access]
{access}
[operators.root]
token_sha256 = "{hashed["operator"]}"
duties = ["clients", "revoke", "keys", "audit", "feed"]
{more}
""")
    return LiveAuthority(
        directory,
        public_port,
        admin_port,
        secrets,
        robot_key,
        Processes(directory),
        issuer_path,
        more,
    )
