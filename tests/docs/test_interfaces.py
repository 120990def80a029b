"""The table of interfaces: every use case with its command, endpoint and command line, or why not."""

import inspect
import re

import pytest

from api.routes import ENDPOINTS
from bot.actions import BUTTONS
from bot.commands import COMMANDS
from cli.parser import build_parser
from services.administration.api_keys import ApiKeys
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.administration.conversations import Conversations
from services.administration.roles import Roles
from services.anomalies.alert_minimums import AlertMinimums
from services.anomalies.backtest import Backtester
from services.anomalies.listing import AnomalyList
from services.anomalies.planned_changes import PlannedChanges
from services.anomalies.resolutions import Resolutions
from services.anomalies.what_if import WhatIfCalculator
from services.costs.history import CostHistoryReader
from services.costs.rows import CostRowReader
from services.operations.after_restore import AfterRestore
from services.operations.diagnostics import Diagnostics
from services.operations.erasure import Erasure
from services.operations.health import Health
from services.operations.metrics_snapshot import MetricsReader
from services.operations.undo import Undo
from services.reports.previews import ReportPreviewer
from services.runs.requests import RunRequests
from services.runs.views import RunViews
from services.teams.teams import Teams
from tests.docs.test_docs import commands_of, text

USE_CASES: tuple[type, ...] = (
    *(
        Teams,
        Config,
        ReportPreviewer,
        RunRequests,
        RunViews,
        AnomalyList,
        Resolutions,
        CostRowReader,
        CostHistoryReader,
        WhatIfCalculator,
    ),
    *(
        PlannedChanges,
        Conversations,
        Roles,
        Undo,
        AuditTrail,
        ApiKeys,
        Health,
        MetricsReader,
        Diagnostics,
        Backtester,
    ),
    *(AlertMinimums, Erasure, AfterRestore),
)
INTERFACES = ("in Teams", "REST", "command line")
NAME = re.compile(r"`([^`]+)`")
NO = re.compile(r"no: \S+ \S+ \S+")


def rows() -> list[dict[str, str]]:
    lines = [line for line in text("docs/interfaces.md").splitlines() if line.startswith("|")]
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(head, cells, strict=True)) for cells in body]


def named(column: str) -> set[str]:
    """What a column names, outside of reasons."""
    return {
        name
        for row in rows()
        if not row[column].startswith("no")
        for name in NAME.findall(row[column])
    }


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["what"])
def test_each_use_case_has_each_interface_or_a_reason(row: dict[str, str]) -> None:
    for interface in INTERFACES:
        cell = row[interface]
        assert NO.match(cell) or NAME.match(cell), f"{interface}: {cell}"
    assert any(NAME.match(row[interface]) for interface in INTERFACES)


def test_every_command_and_button_is_in_the_table_and_no_other() -> None:
    commands = {command.name for command in COMMANDS}
    buttons = {f"[{verb}]" for verb in BUTTONS}
    assert named("in Teams") == commands | buttons


def test_every_endpoint_is_in_the_table_and_no_other() -> None:
    assert named("REST") == {
        f"{endpoint.method.upper()} {endpoint.path}" for endpoint in ENDPOINTS
    }


def test_every_command_line_is_in_the_table_and_no_other() -> None:
    commands = set(commands_of(build_parser())) - {"api-key"}
    assert named("command line") == commands


def test_every_use_case_is_in_the_table_and_no_other() -> None:
    methods = {
        f"{kind.__name__}.{name}"
        for kind in USE_CASES
        for name, member in vars(kind).items()
        if inspect.iscoroutinefunction(member) and not name.startswith("_")
    }
    assert named("use cases") == methods
