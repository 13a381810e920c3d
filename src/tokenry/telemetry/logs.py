"""Log lines on stderr, JSON for machines or text for a terminal, without tokens or secrets.

Every line of the process passes here, those of libraries too. What looks like a token or a secret
is blotted out in messages, facts and tracebacks: a last gate, since nobody is to log one.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

from tokenry.telemetry.listening import LOGGER_NAME

REDACTED: Final = "[redacted]"

# Compact JWS (also cut short), Tokenry's own secrets, credentials in a header or a form.
_SECRETS: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"
    r"|\btk[a-z]_[A-Za-z0-9_-]{20,}"
    r"|(?<=\bBearer )[^\s,\"']+"
    r"|(?<=\bBasic )[^\s,\"']+"
    r"|(?<=client_secret=)[^&\s\"']+"
    r"|(?<=client_assertion=)[^&\s\"']+"
    r"|(?<=\btoken=)[^&\s\"']+",
    re.IGNORECASE,
)
_DEPTH: Final = 4


class LogFormat(StrEnum):
    """How a line looks."""

    JSON = "json"
    CONSOLE = "console"


def configure_logs(form: LogFormat, *, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream` (stderr), in one form. Call it once."""
    stream = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER_NAME).setLevel(level)


def redact(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blot out what looks like a token or a secret, wherever in the line it stands."""
    for name, value in line.items():
        # structlog's own record travels in a private member and is not rendered.
        if not name.startswith("_"):
            line[name] = _redacted(value, _DEPTH)
    return line


def _redacted(value: object, depth: int) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _SECRETS.sub(REDACTED, value)
        case Mapping() if depth:
            return {str(name): _redacted(inner, depth - 1) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset() if depth:
            return [_redacted(inner, depth - 1) for inner in value]
        case _:
            return _SECRETS.sub(REDACTED, str(value))
