"""The CSV of teams: ``team_name,aws_account_id,team_email`` and two optional columns.

Tolerates what spreadsheets write: byte order marks, UTF-16, semicolons or tabs, Windows line
ends, blank lines, spaces and capitals in the header, Excel's line ``sep=;`` above it, and account ids
as ``="012345678901"``, which is how Excel is kept from dropping zeros.
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
SEPARATOR_LINE = re.compile(r"\s*\"?sep=([,;\t|])\"?[ \t]*(?=[\r\n]|$)", re.IGNORECASE)
AS_FORMULA = re.compile(r"=\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One team as given; ``index`` counts rows from 0, ``line`` is its first line in the file."""

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
    """A team that an import adds (``before`` is None) or changes; only what differs is named."""

    index: int
    team_name: str
    aws_account_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The change as a line to read."""
        if self.before is None:
            return f"New: {self.team_name}, {self.aws_account_id}"
        differences = ", ".join(
            f"{name} {_said(self.before[name])} > {_said(value)}"
            for name, value in self.after.items()
        )
        return f"{self.team_name}: {differences}"


def _said(value: Any) -> str:
    if value is None or value == ():
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


@dataclass(slots=True)
class ImportResult:
    """What an import did, or in a dry run would do."""

    unchanged: int = 0
    edits: list[ImportChange] = field(default_factory=list)
    failed: list[RowProblem] = field(default_factory=list)

    @property
    def created(self) -> int:
        return sum(one.before is None for one in self.edits)

    @property
    def updated(self) -> int:
        return len(self.edits) - self.created

    @property
    def changes(self) -> list[str]:
        """What changes, a line for each team that does."""
        return [one.words for one in self.edits]


def rows_of_list(items: list[Any]) -> tuple[list[ImportRow], list[RowProblem]]:
    """Rows of a JSON list; an item that is no object is a problem."""
    if len(items) > MAX_ROWS:
        raise InvalidError(f"The list has {len(items):,} teams; the most is {MAX_ROWS:,}.")
    rows, problems = [], []
    for index, item in enumerate(items):
        if isinstance(item, dict):
            rows.append(ImportRow(index, index + 1, item))
        else:
            problems.append(RowProblem(index, index + 1, "body", "must be an object"))
    return rows, problems


def parse_csv(data: bytes) -> tuple[list[ImportRow], list[RowProblem]]:
    """(rows, problems of rows that cannot be read).

    Raises InvalidError when the file as a whole is none: no text, no header, unknown columns.
    """
    if len(data) > MAX_BYTES:
        raise InvalidError(f"The file has over {MAX_BYTES // 1_000_000} MB. Split it.")
    text, delimiter = _delimited(file_text(data))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[ImportRow] = []
    problems: list[RowProblem] = []
    columns: list[str] | None = None
    begin = 1
    try:
        for cells in reader:
            line, begin = begin, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells)
                continue
            index = len(rows) + len(problems)
            _add_row(columns, cells, index, line, rows, problems)
            if index >= MAX_ROWS:
                raise InvalidError(f"The file has over {MAX_ROWS:,} rows. Split it.")
    except csv.Error as error:
        raise InvalidError(
            f"The row that begins in line {begin} is no CSV ({error}). Check its quotation marks."
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
    """The cell of a column; None when an optional cell is empty: the stored value stays."""
    text = from_safe_cell(cell.strip())
    if column == "aws_account_id" and (formula := AS_FORMULA.fullmatch(text)):
        return formula[1]
    if column == "admin_emails":
        return [part.strip() for part in text.split(";") if part.strip()] if text else None
    if column == "anomaly_threshold":
        if not text:
            return None
        try:
            return float(text.rstrip("%").replace(",", "."))
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no number of percent") from None
    return text


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower().replace(" ", "_") for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if missing:
        raise InvalidError(
            f"The header lacks {', '.join(missing)}. The first line must be {EXAMPLE}."
        )
    if unknown or repeated:
        names = ", ".join(repr(name[:40]) for name in (unknown or repeated))
        kind = "unknown" if unknown else "repeated"
        raise InvalidError(
            f"The header has {kind} columns: {names}. Known are {', '.join((*REQUIRED, *OPTIONAL))}."
        )
    return columns


def file_text(data: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16. Raises InvalidError."""
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise InvalidError(
            "The file is no UTF-8 text. Save it as “CSV UTF-8” and try again."
        ) from None
    if "\0" in text:
        raise InvalidError("The file is no text. Save it as “CSV UTF-8” and try again.")
    return text


def _delimited(text: str) -> tuple[str, str]:
    """The text, and what stands between its cells: as Excel's first line says, or as it looks."""
    told = SEPARATOR_LINE.match(text)
    if told is None:
        return text, _delimiter(text)
    # That line becomes an empty one, so that the lines below keep their numbers.
    return re.sub(r"[^\r\n]", "", told[0]) + text[told.end() :], told[1]


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=header.count)
