"""What an import would do with each row: add a team, change one, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.domain import Team
from services.domain.errors import InvalidError
from services.domain.pasted import account_id_text
from services.teams.csv_import import ImportChange, ImportRow, RowProblem
from services.teams.team_fields import FIELDS, TeamInput, facts_of, input_of, validated


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """A row that adds a team (``team`` is None) or changes one."""

    row: ImportRow
    team: Team | None
    fields: Mapping[str, Any]
    change: ImportChange


def planned_edit(
    row: ImportRow, stored: Mapping[str, Team], seen: dict[str, ImportRow]
) -> PlannedEdit | None:
    """Compare a row with the stored team; None if nothing changes. Raises InvalidError."""
    team = stored.get(_account_of(row.values))
    merged = {**input_of(team), **row.values} if team else row.values
    checked = validated(TeamInput, merged)
    if checked.aws_account_id in seen:
        first = seen[checked.aws_account_id].line
        raise InvalidError(
            "repeated", [("aws_account_id", f"duplicates line {first}; keep one of them")]
        )
    seen[checked.aws_account_id] = row
    after = checked.model_dump()
    if team is None:
        name, account = checked.team_name, checked.aws_account_id
        return PlannedEdit(row, None, merged, ImportChange(row.index, name, account, None, after))
    before = facts_of(team)
    changed = [name for name in after if after[name] != before[name]]
    if not changed:
        return None
    change = ImportChange(
        row.index,
        team.team_name,
        team.aws_account_id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    fields = {name: after[name] for name in FIELDS if name in row.values}
    return PlannedEdit(row, team, fields, change)


def row_problems(row: ImportRow, errors: Sequence[tuple[str, str]]) -> list[RowProblem]:
    """The problems of a row, each with the place of the row in the file."""
    return [RowProblem(row.index, row.line, field, reason) for field, reason in errors]


def _account_of(values: Mapping[str, Any]) -> str:
    account = values.get("aws_account_id")
    return account_id_text(account) if isinstance(account, str) else ""
