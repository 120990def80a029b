"""The CSV of teams: ``team_name,aws_account_id,team_email`` and two optional columns.

Accepts what spreadsheets write: byte order marks, UTF-16, semicolons or tabs, Windows line endings,
blank lines, spaces and capitals in the header, Excel's line ``sep=;`` above it, and account IDs as
``="012345678901"``, which keeps Excel from dropping leading zeros.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.domain.errors import InvalidError
from services.domain.formatting import from_safe_cell

REQUIRED = ("team_name", "aws_account_id", "team_email")
OPTIONAL = ("admin_emails", "anomaly_threshold")
MAX_BYTES = 5_000_000
MAX_ROWS = 20_000
EXAMPLE = "team_name,aws_account_id,team_email"
# Excel understands this line above the header and removes it; every other program keeps it as a row.
SEPARATOR_LINE = re.compile(r"\s*\"?sep=([,;\t|])\"?[ \t]*(?=[\r\n]|$)", re.IGNORECASE)
AS_FORMULA = re.compile(r"=\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One row; ``index`` counts rows from 0, ``line`` is the row's first line in the file."""

    index: int
    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was not imported."""

    index: int
    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportChange:
    """A team that an import adds (``before`` is None) or changes; only fields that differ."""

    index: int
    team_name: str
    aws_account_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """The change as one line of text."""
        if self.before is None:
            return f"New: {self.team_name}, {self.aws_account_id}"
        differences = ", ".join(
            f"{name} {_value_text(self.before[name])} > {_value_text(value)}"
            for name, value in self.after.items()
        )
        return f"{self.team_name}: {differences}"


def _value_text(value: Any) -> str:
    if value is None or value == ():
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


@dataclass(slots=True)
class ImportResult:
    """The outcome of an import, or of a dry run."""

    unchanged: int = 0
    edits: list[ImportChange] = field(default_factory=list)
    failed: list[RowProblem] = field(default_factory=list)

    @property
    def created(self) -> int:
        return sum(edit.before is None for edit in self.edits)

    @property
    def updated(self) -> int:
        return len(self.edits) - self.created

    @property
    def changes(self) -> list[str]:
        """One line of text for each team that changes."""
        return [edit.summary for edit in self.edits]


def rows_of_list(items: list[Any]) -> tuple[list[ImportRow], list[RowProblem]]:
    """Convert a JSON list into rows; an item that is not an object is a problem."""
    if len(items) > MAX_ROWS:
        raise InvalidError(f"The list has {len(items):,} teams; the maximum is {MAX_ROWS:,}.")
    rows, problems = [], []
    for index, item in enumerate(items):
        if isinstance(item, dict):
            rows.append(ImportRow(index, index + 1, item))
        else:
            problems.append(RowProblem(index, index + 1, "body", "must be an object"))
    return rows, problems


def parse_csv(data: bytes) -> tuple[list[ImportRow], list[RowProblem]]:
    """Parse a CSV file into rows, and problems of rows that cannot be read.

    Raises InvalidError if the file as a whole is invalid: not text, no header, unknown columns.
    """
    if len(data) > MAX_BYTES:
        raise InvalidError(f"The file is larger than {MAX_BYTES // 1_000_000} MB. Split it.")
    text, delimiter = _delimited(file_text(data))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[ImportRow] = []
    problems: list[RowProblem] = []
    columns: list[str] | None = None
    # A quoted cell may contain line breaks: the reader's line_num is the last line of its row.
    next_line = 1
    try:
        for cells in reader:
            line, next_line = next_line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells)
                continue
            index = len(rows) + len(problems)
            _add_row(columns, cells, index, line, rows, problems)
            if index >= MAX_ROWS:
                raise InvalidError(f"The file has more than {MAX_ROWS:,} rows. Split it.")
    except csv.Error as error:
        raise InvalidError(
            f"The row that starts on line {next_line} is not valid CSV. Check its quotation marks ({error})."
        ) from error
    if columns is None:
        raise InvalidError(f"The file is empty. Its first line must be {EXAMPLE}.")
    return rows, problems


def _add_row(
    columns: list[str],
    cells: list[str],
    index: int,
    line: int,
    rows: list[ImportRow],
    problems: list[RowProblem],
) -> None:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        reason = f"has {len(cells)} cells for {len(columns)} columns; put quotes around commas"
        problems.append(RowProblem(index, line, "row", reason))
        return
    values: dict[str, Any] = {}
    try:
        for column, cell in zip(columns, cells, strict=False):
            if (value := _value(column, cell)) is not None:
                values[column] = value
    except ValueError as error:
        problems.append(RowProblem(index, line, "anomaly_threshold", str(error)))
        return
    rows.append(ImportRow(index, line, values))


def _value(column: str, cell: str) -> Any:
    """Parse a cell; None if an optional cell is empty, so that the stored value stays."""
    text = from_safe_cell(cell.strip())
    if column == "aws_account_id" and (formula := AS_FORMULA.fullmatch(text)):
        return formula[1]
    if column == "admin_emails":
        return [part.strip() for part in text.split(";") if part.strip()] if text else None
    if column == "anomaly_threshold":
        if not text:
            return None
        try:
            # Spreadsheets in many European locales write a decimal comma.
            return float(text.rstrip("%").replace(",", "."))
        except ValueError:
            raise ValueError(f"{text[:40]!r} is not a percentage") from None
    return text


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower().replace(" ", "_") for cell in cells]
    # Spreadsheets write a separator for each empty column that was ever used.
    while columns and not columns[-1]:
        columns.pop()
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if missing:
        raise InvalidError(
            f"The header does not have {', '.join(missing)}. The first line must be {EXAMPLE}."
        )
    if unknown or repeated:
        names = ", ".join(repr(name[:40]) for name in (unknown or repeated))
        kind = "unknown" if unknown else "repeated"
        raise InvalidError(
            f"The header has {kind} columns: {names}. Known are {', '.join((*REQUIRED, *OPTIONAL))}."
        )
    return columns


def file_text(data: bytes) -> str:
    """Decode a file in UTF-8 or UTF-16. Raises InvalidError."""
    # Excel's "CSV UTF-8" starts with a byte order mark, which "utf-8" would leave in the first
    # column's name; its "Unicode text" is UTF-16 with one.
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise InvalidError(
            "The file is not UTF-8 text. Save it as “CSV UTF-8” and try again."
        ) from None
    if "\0" in text:
        raise InvalidError("The file is not text. Save it as “CSV UTF-8” and try again.")
    return text


def _delimited(text: str) -> tuple[str, str]:
    """Return the text and its delimiter, from the ``sep=`` line or guessed from the header."""
    match = SEPARATOR_LINE.match(text)
    if match is None:
        return text, _delimiter(text)
    # That line becomes an empty one, so that the lines below keep their numbers.
    return re.sub(r"[^\r\n]", "", match[0]) + text[match.end() :], match[1]


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=header.count)
