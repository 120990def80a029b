"""Prometheus metrics: what this process has counted, and what the stores say when scraped.

No label names a team, an account or a person: a scrape reveals nothing confidential, and the number
of time series stays small.
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

NAMESPACE = "costagent"
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RUN_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class _Registration(TypedDict):
    registry: CollectorRegistry
    namespace: str


class Metrics:
    """Implements ``services.ports.Meter`` and renders the metrics."""

    def __init__(self) -> None:
        # The one function of the library without annotations; the rest is typed.
        # Without this, every counter and histogram gets a second series, ``…_created``.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        where: _Registration = {"registry": self._registry, "namespace": NAMESPACE}
        ProcessCollector(registry=self._registry)
        self._info = Gauge(
            "info", "Version and cost source of the agent.", ["version", "source"], **where
        )
        self._answered = Counter(
            "rest_requests", "Requests answered.", ["method", "route", "status"], **where
        )
        self._answer_seconds = Histogram(
            "rest_request_seconds",
            "Seconds until the response.",
            ["route"],
            buckets=REQUEST_BUCKETS,
            **where,
        )
        self._asked = Counter(
            "upstream_requests",
            "Requests to external systems, by status or error.",
            ["upstream", "outcome"],
            **where,
        )
        self._ask_seconds = Histogram(
            "upstream_request_seconds",
            "Seconds until an external system responds.",
            ["upstream"],
            buckets=REQUEST_BUCKETS,
            **where,
        )
        self._delivered = Counter(
            "deliveries", "Delivery attempts by outcome.", ["channel", "outcome"], **where
        )
        self._unsure = Counter(
            "deliveries_ambiguous",
            "Messages handed over without a reply.",
            ["channel"],
            **where,
        )
        self._ran = Histogram(
            "run_seconds",
            "Seconds of work on a run.",
            ["kind", "outcome"],
            buckets=RUN_BUCKETS,
            **where,
        )
        self._lost = Counter("leases_lost", "Leases taken over by another worker.", **where)

    def identify(self, version: str, source: str) -> None:
        """Set the version and source; later than the rest, as the source itself is measured."""
        self._info.labels(version, source).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._answered.labels(method, route, str(status)).inc()
        self._answer_seconds.labels(route).observe(seconds)

    def asked(self, upstream: str, outcome: str, seconds: float) -> None:
        self._asked.labels(upstream, outcome).inc()
        self._ask_seconds.labels(upstream).observe(seconds)

    def delivered(self, channel: str, outcome: str) -> None:
        self._delivered.labels(channel, outcome).inc()

    def unsure(self, channel: str) -> None:
        self._unsure.labels(channel).inc()

    def ran(self, kind: RunKind, outcome: str, seconds: float) -> None:
        self._ran.labels(kind.value, outcome).observe(seconds)

    def lost_lease(self) -> None:
        self._lost.inc()

    def exposition(self, snapshot: MetricsSnapshot) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry) + generate_latest(_registry_of(snapshot))


def _registry_of(snapshot: MetricsSnapshot) -> CollectorRegistry:
    """Gauges of what is stored, which are the same in every process, and of its clock."""
    registry = CollectorRegistry()
    for name, text, label, values in _families(snapshot):
        gauge = Gauge(name, text, [label] if label else [], registry=registry, namespace=NAMESPACE)
        for key, value in values.items():
            (gauge.labels(key) if label else gauge).set(value)
    return registry


Family = tuple[str, str, str, dict[str, float]]
"""Name, help text, label name, value by label."""


def _families(snapshot: MetricsSnapshot) -> Iterator[Family]:
    healthy = {
        component: float(component not in snapshot.failing) for component in ("mongodb", "ticker")
    }
    yield "healthy", "1 while the component is healthy.", "part", healthy
    yield (
        "clock_skew_seconds",
        "How far this machine's clock is ahead of MongoDB's; beyond 30 the agent takes no work.",
        "",
        {"": snapshot.clock_skew_seconds},
    )
    yield (
        "run_last_success_timestamp_seconds",
        "When the last run of a kind ended, with each email sent or given up.",
        "kind",
        {kind.value: at.timestamp() for kind, at in snapshot.last_success.items()},
    )
    if snapshot.data_through is not None:
        stamp = snapshot.data_through.timestamp()
        yield (
            "data_through_timestamp_seconds",
            "Costs are complete through this time.",
            "",
            {"": stamp},
        )
    if snapshot.teams is not None:
        yield "teams", "Teams.", "", {"": float(snapshot.teams)}
    yield "anomalies_open", "Open anomalies.", "kind", _floats(snapshot.open_anomalies)
    yield (
        "weekly_deliveries",
        "Deliveries of the newest weekly run, by state.",
        "state",
        _floats(snapshot.weekly_deliveries),
    )


def _floats(numbers: dict[str, int]) -> dict[str, float]:
    return {key: float(number) for key, number in numbers.items()}
