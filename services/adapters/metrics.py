"""Metrics for Prometheus: what this process has counted, and what the stores say at the scrape.

No label names a team, an account or a person, so that a scrape gives nothing away and the number
of series stays small.
"""

from collections.abc import Iterator
from typing import TypedDict

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from services.domain import MetricsSnapshot, RunKind

SPACE = "costagent"
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class _Where(TypedDict):
    registry: CollectorRegistry
    namespace: str


class Metrics:
    """Implements ``services.ports.Meter`` and prints what it holds."""

    def __init__(self) -> None:
        # The one function of the library without annotations; the rest is typed.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        where: _Where = {"registry": self._registry, "namespace": SPACE}
        ProcessCollector(registry=self._registry)
        self._info = Gauge("info", "The agent.", ["version", "source"], **where)
        self._answered = Counter(
            "rest_requests", "Requests answered.", ["method", "route", "status"], **where
        )
        self._answer_seconds = Histogram(
            "rest_request_seconds", "Seconds to an answer.", ["route"], buckets=QUICK, **where
        )
        self._asked = Counter(
            "upstream_requests",
            "Requests to other systems, by status or error.",
            ["upstream", "outcome"],
            **where,
        )
        self._ask_seconds = Histogram(
            "upstream_request_seconds",
            "Seconds to an answer of another system.",
            ["upstream"],
            buckets=QUICK,
            **where,
        )
        self._delivered = Counter(
            "deliveries", "Outcomes of attempts to deliver.", ["channel", "outcome"], **where
        )
        self._unsure = Counter(
            "deliveries_ambiguous",
            "Handed-over messages of which no answer came.",
            ["channel"],
            **where,
        )
        self._ran = Histogram(
            "run_seconds", "Seconds of work on a run.", ["kind", "outcome"], buckets=SLOW, **where
        )
        self._lost = Counter("leases_lost", "Work that another worker took over.", **where)

    def identify(self, version: str, source: str) -> None:
        """Say what runs here, once the source is made: it is measured itself."""
        self._info.labels(version, source).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """See ``Meter``."""
        self._answered.labels(method, route, str(status)).inc()
        self._answer_seconds.labels(route).observe(seconds)

    def asked(self, upstream: str, outcome: str, seconds: float) -> None:
        """See ``Meter``."""
        self._asked.labels(upstream, outcome).inc()
        self._ask_seconds.labels(upstream).observe(seconds)

    def delivered(self, channel: str, outcome: str) -> None:
        """See ``Meter``."""
        self._delivered.labels(channel, outcome).inc()

    def unsure(self, channel: str) -> None:
        """See ``Meter``."""
        self._unsure.labels(channel).inc()

    def ran(self, kind: RunKind, outcome: str, seconds: float) -> None:
        """See ``Meter``."""
        self._ran.labels(kind.value, outcome).observe(seconds)

    def lost_lease(self) -> None:
        """See ``Meter``."""
        self._lost.inc()

    def exposition(self, facts: MetricsSnapshot) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self._registry) + generate_latest(_of_facts(facts))


def _of_facts(facts: MetricsSnapshot) -> CollectorRegistry:
    """What the stores say now; these say the same in every process."""
    registry = CollectorRegistry()
    for name, text, label, values in _families(facts):
        gauge = Gauge(name, text, [label] if label else [], registry=registry, namespace=SPACE)
        for key, value in values.items():
            (gauge.labels(key) if label else gauge).set(value)
    return registry


Family = tuple[str, str, str, dict[str, float]]
"""Name, what it is, its label, the value of each label."""


def _families(facts: MetricsSnapshot) -> Iterator[Family]:
    healthy = {part: float(part not in facts.failing) for part in ("mongodb", "ticker")}
    yield "healthy", "1 while the part is well.", "part", healthy
    yield (
        "run_last_success_timestamp_seconds",
        "When the last run of a kind ended with every mail sent or given up.",
        "kind",
        {kind.value: at.timestamp() for kind, at in facts.last_success.items()},
    )
    if facts.data_through is not None:
        stamp = facts.data_through.timestamp()
        yield "data_through_timestamp_seconds", "Costs are complete until then.", "", {"": stamp}
    if facts.teams is not None:
        yield "teams", "Teams.", "", {"": float(facts.teams)}
    yield "anomalies_open", "Open anomalies.", "kind", _floats(facts.open_anomalies)
    yield (
        "weekly_deliveries",
        "Deliveries of the newest weekly run, by state.",
        "state",
        _floats(facts.weekly_deliveries),
    )


def _floats(numbers: dict[str, int]) -> dict[str, float]:
    return {key: float(number) for key, number in numbers.items()}
