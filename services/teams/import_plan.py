"""What an import does: each row compared with the stored team of its account, before any is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.domain import Team
from services.domain.errors import InvalidError
from services.domain.pasted import account_id_text, match_key
from services.teams.csv_import import ImportChange, ImportRow, RowProblem
from services.teams.team_fields import FIELDS, TeamInput, facts_of, input_of, validated


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """A row that adds a team (``team`` is None) or changes one."""

    row: ImportRow
    team: Team | None
    fields: Mapping[str, Any]
    change: ImportChange


class ImportPlan:
    """Compares rows, one after the other, with the stored teams and with the rows before."""

    def __init__(self, teams: Sequence[Team]) -> None:
        self._teams = {team.aws_account_id: team for team in teams}
        self._lines: dict[str, int] = {}
        """The line of each account ID."""
        self._names = {
            match_key(
                team.team_name
            ): f"is the name of another team (AWS account {team.aws_account_id})"
            for team in teams
        }
        """Why each name is taken."""

    def edit(self, row: ImportRow) -> PlannedEdit | None:
        """What a row changes; None if nothing. Raises InvalidError."""
        team = self._teams.get(_account_of(row.values))
        merged = {**input_of(team), **row.values} if team else row.values
        checked = validated(TeamInput, merged)
        self._check_account(row, checked.aws_account_id)
        self._check_name(row, checked.team_name, team)
        after = checked.model_dump()
        if team is None:
            name, account = checked.team_name, checked.aws_account_id
            return PlannedEdit(
                row, None, merged, ImportChange(row.index, name, account, None, after)
            )
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

    def _check_account(self, row: ImportRow, account: str) -> None:
        if account in self._lines:
            reason = f"duplicates line {self._lines[account]}; keep one of them"
            raise InvalidError("repeated", [("aws_account_id", reason)])
        self._lines[account] = row.line

    def _check_name(self, row: ImportRow, name: str, team: Team | None) -> None:
        """Refuse a name that another team has, also one that a later row would rename.

        A team that keeps its name keeps it, even if an earlier version stored two of that name.
        """
        key = match_key(name)
        if team is not None and match_key(team.team_name) == key:
            return
        if key in self._names:
            reason = f"{self._names[key]}; give each team its own name"
            raise InvalidError("repeated", [("team_name", reason)])
        self._names[key] = f"is also the name in line {row.line}"


def row_problems(row: ImportRow, errors: Sequence[tuple[str, str]]) -> list[RowProblem]:
    """The problems of a row, each with the place of the row in the file."""
    return [RowProblem(row.index, row.line, field, reason) for field, reason in errors]


def _account_of(values: Mapping[str, Any]) -> str:
    account = values.get("aws_account_id")
    return account_id_text(account) if isinstance(account, str) else ""
