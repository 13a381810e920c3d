"""The `Events` port: counts, levels and durations go to metrics, notes to the log."""

import logging
from typing import Final

import structlog

from tokenry.ports.events import Noted
from tokenry.telemetry.metrics import Metrics

LOGGER_NAME: Final = "tokenry"
_LEVELS: Final = {
    Noted.INFO: logging.INFO,
    Noted.WARNING: logging.WARNING,
    Noted.ERROR: logging.ERROR,
}


class Telemetry:
    """Told what happened, by everything on this node."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        # Counting is on the path of every request: straight to the metrics.
        self.count = metrics.count
        self.level = metrics.level
        self.took = metrics.took
        self._logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(LOGGER_NAME)

    def note(
        self, weight: Noted, what: str, /, *, error: BaseException | None = None, **facts: str | int
    ) -> None:
        """Say a sentence to the log, with the error behind it, if any."""
        if error is None:
            self._logger.log(_LEVELS[weight], what, **facts)
        else:
            self._logger.log(_LEVELS[weight], what, exc_info=error, **facts)
