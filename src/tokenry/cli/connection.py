"""How a command finds the admin API and proves its operator."""

import stat
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from cyclopts import Group, Parameter

from tokenry.cli.failures import CommandFailed, WrongUsage

DEFAULT_DATA: Final = Path("tokenry-data")
OPERATOR_FILE: Final = "operator.json"


class OperatorFile(msgspec.Struct, frozen=True, kw_only=True):
    """DIR/operator.json, as `tokenry init` writes it, readable by its owner only."""

    operator: str
    token: str
    admin_url: str
    issuer: str


class AdminAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the admin API is and with which token. `issuer` None: only the authority knows."""

    url: str
    token: str
    issuer: str | None
    ca_file: Path | None


@Parameter(name="*", group=Group("The authority", sort_key=9))
@dataclass(frozen=True)
class Connection:
    """Options of every command that speaks to the authority."""

    data: Annotated[
        Path | None,
        Parameter(
            env_var="TOKENRY_DATA",
            help="Data directory whose operator.json says where the authority is and with which"
            " token. Default: ./tokenry-data",
        ),
    ] = None
    admin_url: Annotated[
        str | None,
        Parameter(env_var="TOKENRY_ADMIN_URL", help="Address of the admin listener."),
    ] = None
    operator_token: Annotated[
        str | None,
        Parameter(
            env_var="TOKENRY_OPERATOR_TOKEN",
            help="Operator token. In the environment it is not seen by other users; here it is.",
        ),
    ] = None
    ca_file: Annotated[
        Path | None,
        Parameter(env_var="TOKENRY_CA_FILE", help="PEM file of the authority that signed for it."),
    ] = None

    def address(self) -> AdminAddress:
        """Return where to go: each option, else what operator.json says. Raises CommandFailed."""
        known = None
        if self.admin_url is None or self.operator_token is None:
            known = self.operator_file()
            if known is None:
                raise WrongUsage(
                    f"no operator is known: {self._file()} does not exist",
                    next_step="give --data DIR, or --admin-url with TOKENRY_OPERATOR_TOKEN set;"
                    " `tokenry init` makes a first operator",
                )
        url = self.admin_url or (known.admin_url if known else "")
        require_private(url, "the operator token", option="--admin-url")
        return AdminAddress(
            url=url.rstrip("/"),
            token=self.operator_token or (known.token if known else ""),
            issuer=known.issuer if known else None,
            ca_file=self.ca_file,
        )

    def operator_file(self) -> OperatorFile | None:
        """Read operator.json; None when there is none. Raises CommandFailed."""
        path = self._file()
        try:
            mode = path.stat().st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise CommandFailed(
                    f"{path} holds a token and others may read it",
                    next_step=f"chmod 600 {path}",
                )
            return msgspec.json.decode(path.read_bytes(), type=OperatorFile)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CommandFailed(f"cannot read {path}: {error.strerror}") from None
        except msgspec.DecodeError as error:
            raise CommandFailed(
                f"{path} is not what `tokenry init` writes: {error}",
                next_step="restore it, or give --admin-url and TOKENRY_OPERATOR_TOKEN",
            ) from None

    def _file(self) -> Path:
        return (self.data or DEFAULT_DATA) / OPERATOR_FILE


def require_private(url: str, what: str, *, option: str) -> None:
    """Raise WrongUsage for an address where `what` would travel unprotected."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and is_loopback(parts.hostname):
        return
    raise WrongUsage(
        f"{url!r} is no address to send {what} to",
        next_step=f"give an https address with {option}; http is for loopback addresses only",
    )


def is_loopback(host: str | None) -> bool:
    """Say whether a host never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False


BY_DEFAULT: Final = Connection()
"""No option given: what the environment and ./tokenry-data say."""

Json = Annotated[
    bool,
    Parameter(
        name="--json",
        negative="",
        show_default=False,
        help="Print JSON, for programs to read.",
    ),
]
