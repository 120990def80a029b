"""The table of doors: every use case with its command, route and command line, or why not."""

import inspect
import re

import pytest

from api.app import ALL
from bot.actions import BUTTONS
from bot.commands import COMMANDS
from cli.parser import build_parser
from services.anomaly_list import AnomalyList
from services.api_keys import ApiKeys
from services.audit import Audit
from services.backtests import Backtests
from services.changes import Changes
from services.check import Check
from services.config import Config
from services.conversations import Conversations
from services.cost_rows import CostRows
from services.floors import Floors
from services.health import Health
from services.histories import Histories
from services.plans import Plans
from services.previews import Previews
from services.privacy import Privacy
from services.resolutions import Resolutions
from services.restoring import Restoring
from services.roles import Roles
from services.runs import Runs
from services.teams import Teams
from services.watch import Watch
from services.what_if import WhatIfs
from tests.docs.test_docs import commands_of, text

USE_CASES: tuple[type, ...] = (
    *(Teams, Config, Previews, Runs, AnomalyList, Resolutions, CostRows, Histories, WhatIfs),
    *(Plans, Conversations, Roles, Changes, Audit, ApiKeys, Health, Watch, Check, Backtests),
    *(Floors, Privacy, Restoring),
)
DOORS = ("in Teams", "REST", "command line")
NAME = re.compile(r"`([^`]+)`")
NO = re.compile(r"no: \S+ \S+ \S+")


def rows() -> list[dict[str, str]]:
    lines = [line for line in text("docs/doors.md").splitlines() if line.startswith("|")]
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
def test_each_use_case_has_each_door_or_a_reason(row: dict[str, str]) -> None:
    for door in DOORS:
        cell = row[door]
        assert NO.match(cell) or NAME.match(cell), f"{door}: {cell}"
    assert any(NAME.match(row[door]) for door in DOORS)


def test_every_command_and_button_stands_in_the_table_and_no_other() -> None:
    commands = {command.name for command in COMMANDS}
    buttons = {f"[{verb}]" for verb in BUTTONS}
    assert named("in Teams") == commands | buttons


def test_every_endpoint_stands_in_the_table_and_no_other() -> None:
    assert named("REST") == {f"{one.method.upper()} {one.path}" for one in ALL}


def test_every_command_line_stands_in_the_table_and_no_other() -> None:
    commands = set(commands_of(build_parser())) - {"api-key"}
    assert named("command line") == commands


def test_every_use_case_stands_in_the_table_and_no_other() -> None:
    methods = {
        f"{kind.__name__}.{name}"
        for kind in USE_CASES
        for name, member in vars(kind).items()
        if inspect.iscoroutinefunction(member) and not name.startswith("_")
    }
    assert named("use cases") == methods
