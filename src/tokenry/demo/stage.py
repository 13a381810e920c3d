"""Starts an authority and two services as processes of their own, and stops them again."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from tokenry.jose import PrivateKey
from tokenry.vocabulary.identifiers import new_secret

SERVICES: Final = ("orders", "payments")
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 10.0


class StageFailed(Exception):
    """A process did not come up or went away; carries the end of what it printed."""


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
        self.public_port, self.admin_port, *service_ports = _free_ports(4)
        self.issuer = f"http://127.0.0.1:{self.public_port}"
        self.services = {
            name: Service(name, port) for name, port in zip(SERVICES, service_ports, strict=True)
        }
        self.client_secrets = {name: f"tks_{new_secret(os.urandom)}" for name in ("shop", "kiosk")}
        self.robot_key = PrivateKey.generate("ES256")
        self._operator_token = f"tko_{new_secret(os.urandom)}"
        self._service_secrets = {name: f"tkv_{new_secret(os.urandom)}" for name in SERVICES}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def data(self) -> Path:
        """The authority's data directory; `--data` of every command that administers it."""
        return self.directory / "data"

    @property
    def operator_header(self) -> str:
        """The Authorization header of the demo's operator."""
        return f"Bearer {self._operator_token}"

    def __enter__(self) -> "Stage":
        """Start everything and wait until it answers. Raises StageFailed."""
        try:
            self._write_files()
            blueprint = str(self.directory / "tokenry.toml")
            self._start(
                "authority",
                ["tokenry", "serve", "--blueprint", blueprint, "--data", str(self.data)],
                {},
            )
            self._wait("authority", self.admin_port, "/readyz")
            for service in self.services.values():
                self._start_service(service)
            for service in self.services.values():
                self._wait(service.name, service.port, "/ready")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything."""
        self.close()

    def close(self) -> None:
        """Stop the processes, the services first, and remove the files. Safe to call twice."""
        for process in reversed(self._processes.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def check_alive(self) -> None:
        """Raise StageFailed if any process has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise StageFailed(f"{name} ended with {process.returncode}:\n{self._tail(name)}")

    def _start(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        with (self.directory / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 # our own interpreter and modules
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                # Ctrl+C in the terminal reaches the demo alone, which stops the others in order.
                start_new_session=True,
            )

    def _start_service(self, service: Service) -> None:
        self._start(
            service.name,
            ["tokenry.demo.service"],
            {
                "DEMO_ISSUER": self.issuer,
                "DEMO_AUDIENCE": service.url,
                "DEMO_NAME": service.name,
                "DEMO_SECRET": self._service_secrets[service.name],
                "DEMO_PORT": str(service.port),
            },
        )

    def _wait(self, name: str, port: int, path: str) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            self.check_alive()
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                try:
                    connection.request("GET", path)
                    if connection.getresponse().status == http.client.OK:
                        return
                finally:
                    connection.close()
            time.sleep(0.02)
        raise StageFailed(f"{name} was not ready after {_START_SECONDS} s:\n{self._tail(name)}")

    def _tail(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")[-2000:]

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


def _free_ports(count: int) -> list[int]:
    # All are held open until all are known, so that no two are the same.
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        return [bound.getsockname()[1] for bound in sockets]
