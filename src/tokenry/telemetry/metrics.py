"""The vocabulary of `ports.events` as Prometheus metrics; one table says what each is called."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Generic, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from tokenry.ports.events import Counted, Level, Timed

MAX_LABEL_SETS: Final = 2000
"""Of one metric. Labels come from small closed sets; should one not, metrics still end (G-8)."""

_FINE_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_COARSE_SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class Described(msgspec.Struct, frozen=True):
    """What a metric means, the labels it takes, and the buckets of a duration."""

    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


COUNTS: Final[Mapping[Counted, Described]] = MappingProxyType(
    {
        Counted.ISSUED: Described("Access tokens issued.", ("format", "resource_server")),
        Counted.INTROSPECTED: Described("Introspections answered.", ("active",)),
        Counted.REFUSED: Described("Requests refused, by public error.", ("endpoint", "code")),
        Counted.FAILED: Described("Requests that broken parts failed.", ("endpoint", "failure")),
        Counted.REVOKED: Described("Revocations that took a new number.", ("kind",)),
        Counted.FRAME_PUBLISHED: Described("Feed frames signed."),
        Counted.SUBSCRIBER_DROPPED: Described("Feed subscribers dropped for reading too slowly."),
        Counted.TICK_FAILED: Described("Ticks that could not be committed."),
        Counted.PURGED: Described("Rows purged after they ran out.", ("kind",)),
        Counted.KEY_CHANGED: Described("Signing keys that entered a state.", ("state",)),
    }
)
LEVELS: Final[Mapping[Level, Described]] = MappingProxyType(
    {
        Level.FEED_SUBSCRIBERS: Described("Feed streams open on this node."),
        Level.FEED_HEAD_LAG: Described("Records committed and not yet published by this node."),
        Level.CLOCK_OFFSET: Described("This node's clock minus the database's."),
        Level.COMMIT_QUEUE_DEPTH: Described("Plans that wait for a commit."),
        Level.VERIFIER_LAG: Described("Largest staleness lately reported.", ("resource_server",)),
        Level.VERIFIER_RECORDS_BEHIND: Described(
            "Head minus the lowest head lately reported.", ("resource_server",)
        ),
        Level.VERIFIERS_UNSYNCHRONIZED: Described(
            "Verifiers that lately reported that they may not use their view.",
            ("resource_server",),
        ),
        Level.VERIFIERS: Described("Verifiers that lately reported.", ("resource_server",)),
    }
)
DURATIONS: Final[Mapping[Timed, Described]] = MappingProxyType(
    {
        Timed.FEED_PUBLISH: Described(
            "From the wake-up to the frame in every subscriber's queue.", (), _FINE_SECONDS
        ),
        Timed.REQUEST: Described("Requests answered.", ("endpoint",), _FINE_SECONDS),
        Timed.KEY_CREATION: Described("Signing keys made.", ("algorithm",), _COARSE_SECONDS),
    }
)

_OVERFLOW: Final = "other"

MetricT = TypeVar("MetricT", Counter, Gauge, Histogram)


class _Family(Generic[MetricT]):
    """A metric and its children by labels, found without Prometheus' own slower look-up."""

    def __init__(self, metric: MetricT, names: tuple[str, ...]) -> None:
        self._metric: MetricT = metric
        self._names = names
        self._children: dict[tuple[tuple[str, str], ...], MetricT] = {}

    def of(self, labels: Mapping[str, str]) -> MetricT:
        """Return the child. Labels that are missing read "", labels too many are left out."""
        if not self._names:
            return self._metric
        key = tuple(labels.items())
        child = self._children.get(key)
        if child is None:
            if len(self._children) >= MAX_LABEL_SETS:
                overflow: MetricT = self._metric.labels(*[_OVERFLOW] * len(self._names))
                return overflow
            made: MetricT = self._metric.labels(*[labels.get(name, "") for name in self._names])
            self._children[key] = child = made
        return child


class Metrics:
    """Counts, levels and durations, in a registry of their own."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.before_scrape: list[Callable[[], None]] = []
        self._registry = registry = CollectorRegistry()
        self._levels = {
            level: Gauge(f"tokenry_{level}", of.help, of.labels, registry=registry)
            for level, of in LEVELS.items()
        }
        self._counts = {
            event: _Family(
                Counter(f"tokenry_{event}", of.help, of.labels, registry=registry), of.labels
            )
            for event, of in COUNTS.items()
        }
        self._level_families = {
            level: _Family(gauge, LEVELS[level].labels) for level, gauge in self._levels.items()
        }
        self._durations = {
            what: _Family(
                Histogram(
                    f"tokenry_{what}", of.help, of.labels, buckets=of.buckets, registry=registry
                ),
                of.labels,
            )
            for what, of in DURATIONS.items()
        }

    def count(self, event: Counted, amount: int = 1, /, **labels: str) -> None:
        """Add to a count."""
        self._counts[event].of(labels).inc(amount)

    def level(self, level: Level, value: float, /, **labels: str) -> None:
        """State a present value."""
        self._level_families[level].of(labels).set(value)

    def took(self, what: Timed, seconds: float, /, **labels: str) -> None:
        """Observe a duration."""
        self._durations[what].of(labels).observe(seconds)

    def watch(self, level: Level, read: Callable[[], float]) -> None:
        """Ask `read` for a level (one without labels) whenever metrics are scraped."""
        self._levels[level].set_function(read)

    def render(self) -> bytes:
        """Return everything in Prometheus' text form, after `before_scrape` have been called."""
        for tell in self.before_scrape:
            tell()
        return generate_latest(self._registry)
