"""Sets the scene: an authority and two services as processes of their own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from tokenry.demo.processes import Processes, free_ports
from tokenry.jose import Algorithm, PrivateKey
from tokenry.vocabulary.identifiers import new_secret

SERVICES: Final = ("orders", "payments")


class Service(msgspec.Struct, frozen=True):
    """A protected service and where it listens."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """The base address, which is also the audience of its tokens."""
        return f"http://127.0.0.1:{self.port}"


class Stage:
    """The running cast. A context manager: leaving it stops every process and removes its files."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tokenry-demo-"))
        self.public_port, self.admin_port, *service_ports = free_ports(4)
        self.issuer = f"http://127.0.0.1:{self.public_port}"
        self.services = {
            name: Service(name, port) for name, port in zip(SERVICES, service_ports, strict=True)
        }
        self.client_secrets = {name: f"tks_{new_secret(os.urandom)}" for name in ("shop", "kiosk")}
        self.robot_key = PrivateKey.generate(Algorithm.ES256)
        self._operator_token = f"tko_{new_secret(os.urandom)}"
        self._service_secrets = {name: f"tkv_{new_secret(os.urandom)}" for name in SERVICES}
        self._processes = Processes(self.directory)

    @property
    def data(self) -> Path:
        """The authority's data directory; `--data` of every command that administers it."""
        return self.directory / "data"

    @property
    def operator_header(self) -> str:
        """The Authorization header of the demo's operator."""
        return f"Bearer {self._operator_token}"

    def __enter__(self) -> "Stage":
        """Start everything and wait until it answers. Raises ProcessFailed."""
        try:
            self._write_files()
            self._start_authority()
            for service in self.services.values():
                self._start_service(service)
            for service in self.services.values():
                self._processes.wait_ready(service.name, service.port, "/ready")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.close()

    def close(self) -> None:
        """Stop the processes, the services first, and remove the files. Safe to call twice."""
        self._processes.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def check_alive(self) -> None:
        """Raise ProcessFailed if any process has ended."""
        self._processes.check_alive()

    def _start_authority(self) -> None:
        blueprint = str(self.directory / "tokenry.toml")
        arguments = ("serve", "--blueprint", blueprint, "--data", str(self.data))
        self._processes.start("authority", "tokenry", *arguments)
        self._processes.wait_ready("authority", self.admin_port, "/readyz")

    def _start_service(self, service: Service) -> None:
        self._processes.start(
            service.name,
            "tokenry.demo.service",
            environment={
                "DEMO_ISSUER": self.issuer,
                "DEMO_AUDIENCE": service.url,
                "DEMO_NAME": service.name,
                "DEMO_SECRET": self._service_secrets[service.name],
                "DEMO_PORT": str(service.port),
            },
        )

    def _write_files(self) -> None:
        self.data.mkdir(mode=0o700)
        jwks = {"keys": [self.robot_key.public.to_jwk()]}
        (self.directory / "robot.jwks.json").write_bytes(msgspec.json.encode(jwks))
        operator = {
            "operator": "demo",
            "token": self._operator_token,
            "admin_url": f"http://127.0.0.1:{self.admin_port}",
            "issuer": self.issuer,
        }
        file = self.data / "operator.json"
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.encode(operator))
        (self.directory / "tokenry.toml").write_text("\n".join(self._blueprint()))

    def _blueprint(self) -> Iterator[str]:
        yield f'[issuer]\nurl = "{self.issuer}"\nunsafe_http_on_loopback = true'
        yield f"[listeners.public]\nport = {self.public_port}"
        yield f"[listeners.admin]\nport = {self.admin_port}"
        for name, service in self.services.items():
            yield (
                f'[resource_servers.{name}]\naudience = "{service.url}"\nleeway = 0\n'
                f'secret_sha256 = ["{_hashed(self._service_secrets[name])}"]\n'
                f'[resource_servers.{name}.scopes."{name}.read"]\ndescription = "Read {name}"\n'
                f'[resource_servers.{name}.scopes."{name}.glance"]\n'
                'description = "Read once, now"\nlifetime = 1'
            )
        access = "".join(f'{name} = ["{name}.read", "{name}.glance"]\n' for name in SERVICES)
        for name, secret in self.client_secrets.items():
            yield f'[clients.{name}]\nsecret_sha256 = ["{_hashed(secret)}"]'
            yield f"[clients.{name}.access]\n{access}"
        yield '[clients.robot]\nauth = "private_key_jwt"\njwks_file = "robot.jwks.json"'
        yield f"[clients.robot.access]\n{access}"
        yield f'[operators.demo]\ntoken_sha256 = "{_hashed(self._operator_token)}"'
        yield 'duties = ["clients", "revoke", "keys", "audit", "feed"]'


def _hashed(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
