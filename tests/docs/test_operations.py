"""Every metric and log event of the code stands in docs/operations.md, and the reverse."""

import ast
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from services.adapters.metrics import Metrics
from services.domain import MetricsSnapshot, RunKind
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
MONITORING = ROOT / "deploy" / "monitoring"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
METRIC = re.compile(r"costagent_\w+")
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def metrics() -> set[str]:
    """The names of all series, as Prometheus sees them once everything has happened."""
    meter = Metrics()
    meter.identify("1.0", "datadog")
    meter.answered("GET", "/", 200, 0.1)
    meter.asked("datadog", "200", 0.1)
    meter.delivered("mail", "sent")
    meter.unsure("mail")
    meter.ran(RunKind.WEEKLY, "done", 1.0)
    meter.lost_lease()
    facts = MetricsSnapshot(
        last_success={RunKind.WEEKLY: NOW},
        data_through=NOW,
        teams=1,
        open_anomalies={"threshold": 1},
        weekly_deliveries={"sent": 1},
    )
    text = meter.exposition(facts).decode()
    return {
        name for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE) if "costagent" in name
    }


def events() -> set[str]:
    """The log events of the code."""
    folders = ("api", "bot", "cards", "cli", "deploy", "manifest", "services")
    files = [
        ROOT / "app.py",
        *(path for folder in folders for path in (ROOT / folder).rglob("*.py")),
    ]
    return {
        name
        for path in files
        if "node_modules" not in path.parts
        for name in events_of(path.read_text("utf-8"))
    }


def events_of(source: str) -> set[str]:
    """What a module logs, also through a name that stands for one of the logger's methods.

    Raises AssertionError for an event whose name is not written where it is logged.
    """
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(map(_of_log, ast.walk(node.value)))
        and not isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for call in calls:
        through = isinstance(call.func, ast.Name) and call.func.id in aliases
        if through or _of_log(call.func):
            (event,) = call.args
            assert isinstance(event, ast.Constant), ast.unparse(call)
            found.add(str(event.value))
    return found


def _of_log(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in LEVELS
        and isinstance(node.value, ast.Name)
        and node.value.id == "log"
    )


def test_events_are_found_however_they_are_logged() -> None:
    source = """
log = structlog.get_logger()
log.info("one", a=1)
say = log.debug if quiet else log.info
say(
    "two",
    b=2,
)
print("three")
"""
    assert events_of(source) == {"one", "two"}
    with pytest.raises(AssertionError):
        events_of("log.info(name)")


def described(heading: str) -> set[str]:
    part = PAGE.partition(f"### {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_metric_is_described_and_no_other() -> None:
    assert described("Metrics") == metrics()


def test_every_log_event_is_described_and_no_other() -> None:
    assert described("Log events") == events()


def used(path: Path) -> set[str]:
    names = set(METRIC.findall(path.read_text("utf-8")))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def test_alert_rules_and_dashboard_use_metrics_that_exist() -> None:
    for name in ("alerts.yml", "dashboard.json"):
        assert used(MONITORING / name)
        assert used(MONITORING / name) <= metrics(), name


def test_alert_rules_and_dashboard_are_whole() -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert {"alert", "expr", "labels", "annotations"} <= set(rule)
            assert rule["annotations"]["summary"]
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])
