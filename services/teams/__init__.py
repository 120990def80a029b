"""Teams: which account belongs to whom, and the CSV that imports and exports them."""

from services.administration import Administration
from services.ports import Store
from services.runtime.context import Context
from services.teams.csv_import import (
    MAX_BYTES,
    OPTIONAL,
    REQUIRED,
    ImportChange,
    ImportResult,
    ImportRow,
    RowProblem,
    file_text,
    parse_csv,
    rows_of_list,
    rows_of_pasted_list,
    without_mark,
)
from services.teams.names import Namesakes, namesakes
from services.teams.team_fields import TeamInput, facts_of
from services.teams.teams import Teams
from services.teams.undo import undos

__all__ = [
    "MAX_BYTES",
    "OPTIONAL",
    "REQUIRED",
    "ImportChange",
    "ImportResult",
    "ImportRow",
    "Namesakes",
    "RowProblem",
    "TeamInput",
    "Teams",
    "build",
    "facts_of",
    "file_text",
    "namesakes",
    "parse_csv",
    "rows_of_list",
    "rows_of_pasted_list",
    "undos",
    "without_mark",
]


def build(store: Store, administration: Administration, context: Context) -> Teams:
    """Build the face for the source of the process."""
    return Teams(store.teams, administration.audit_trail, source=context.source.name)
