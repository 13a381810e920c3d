"""Who listens when something happens: metrics for Prometheus, structured logs to stderr (R-64).

Floor 5. Implements `ports.events`; nobody below knows it. Owns the registry of metrics, the form
of log lines, and the last gate that keeps tokens and secrets out of both. Read `listening` next.
"""

from tokenry.telemetry.listening import Telemetry
from tokenry.telemetry.logs import LogFormat, configure_logs
from tokenry.telemetry.metrics import Metrics

__all__ = ["LogFormat", "Metrics", "Telemetry", "configure_logs"]
