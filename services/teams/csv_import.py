"""The CSV of teams: ``team_name,aws_account_id,team_email`` and two optional columns.

Accepts what spreadsheets write: byte order marks, UTF-16, semicolons or tabs, Windows line
endings, blank lines, spaces and capitals in the header, Excel's line ``sep=;`` above it, and
account IDs as ``="012345678901"``, which keeps Excel from dropping leading zeros. Cells contain
numbers and addresses as people type and paste them.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.domain.errors import InvalidError
from services.domain.formatting import from_safe_cell, threshold
from services.domain.pasted import keyboard_text, single_address, split_addresses
from services.domain.typed_numbers import parse_percent

REQUIRED = ("team_name", "aws_account_id", "team_email")
OPTIONAL = ("admin_emails", "anomaly_threshold")
MAX_BYTES = 5_000_000
MAX_ROWS = 20_000
MAX_NAMED_COLUMNS = 10
EXAMPLE = "team_name,aws_account_id,team_email"
# Excel understands this line above the header and removes it; every other program keeps it as a row.
SEPARATOR_LINE = re.compile(r"\s*\"?sep=([,;\t|])\"?[ \t]*(?=[\r\n]|$)", re.IGNORECASE)
MARKS = "\ufeff\u200b\u2060\u200e"
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
            own = self.after.get("anomaly_threshold")
            suffix = "" if own is None else f", threshold {threshold(own)}"
            return f"New: {self.team_name}, {self.aws_account_id}{suffix}"
        # The threshold first: a long list of addresses is cut off at its end.
        names = sorted(self.after, key=lambda name: name != "anomaly_threshold")
        differences = ", ".join(
            f"{name} {_value_text(name, self.before[name])} > {_value_text(name, self.after[name])}"
            for name in names
        )
        return f"{self.team_name}: {differences}"


def _value_text(name: str, value: Any) -> str:
    if value is None or value == ():
        return "none"
    if name == "anomaly_threshold":
        return threshold(value)
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


def rows_of_pasted_list(items: list[Any]) -> tuple[list[ImportRow], list[RowProblem]]:
    """The same for a list that a person pasted: its texts are read like the cells of a CSV."""
    rows, problems = rows_of_list(items)
    parsed: list[ImportRow] = []
    for row in rows:
        values, problem = _values(row.values.items(), row.index, row.line)
        if problem is None:
            parsed.append(ImportRow(row.index, row.line, values))
        else:
            problems.append(problem)
    return parsed, problems


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
    texts = (
        (column, from_safe_cell(cell.strip()))
        for column, cell in zip(columns, cells, strict=False)
    )
    values, problem = _values(texts, index, line)
    if problem is None:
        rows.append(ImportRow(index, line, values))
    else:
        problems.append(problem)


def _values(
    fields: Iterable[tuple[str, Any]], index: int, line: int
) -> tuple[dict[str, Any], RowProblem | None]:
    """The fields of a row, with texts parsed, or the first problem.

    Optional fields with an empty text are left out, so the stored values stay.
    """
    values: dict[str, Any] = {}
    for name, value in fields:
        try:
            parsed = _value(name, value)
        except ValueError as error:
            return {}, RowProblem(index, line, name, str(error))
        if parsed is not None or not isinstance(value, str):
            values[name] = parsed
    return values, None


def _value(column: str, value: Any) -> Any:
    """Parse a text or a list of them; None if the text of an optional field is empty."""
    if column == "admin_emails" and isinstance(value, list):
        return [single_address(item) if isinstance(item, str) else item for item in value]
    parse = PARSERS.get(column)
    return parse(value) if parse and isinstance(value, str) else value


def _account_id(text: str) -> str:
    formula = AS_FORMULA.fullmatch(text)
    return formula[1] if formula else text


PARSERS: Mapping[str, Callable[[str], Any]] = {
    "aws_account_id": _account_id,
    "team_email": single_address,
    "admin_emails": lambda text: split_addresses(text) or None,
    "anomaly_threshold": lambda text: float(parse_percent(text)) if text.strip() else None,
}


def _columns(cells: list[str]) -> list[str]:
    columns = [keyboard_text(cell).lower().replace(" ", "_") for cell in cells]
    # Spreadsheets write a separator for each empty column that was ever used.
    while columns and not columns[-1]:
        columns.pop()
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
    repeated = sorted(name for name, count in Counter(columns).items() if count > 1)
    if missing:
        raise InvalidError(
            f"The header does not have {', '.join(missing)}. The first line must be {EXAMPLE}."
        )
    if unknown or repeated:
        names = ", ".join(repr(name[:40]) for name in (unknown or repeated)[:MAX_NAMED_COLUMNS])
        kind = "unknown" if unknown else "repeated"
        raise InvalidError(
            f"The header has {kind} columns: {names}. Known are {', '.join((*REQUIRED, *OPTIONAL))}."
        )
    return columns


def file_text(data: bytes) -> str:
    """Decode a file in UTF-8 or UTF-16. Raises InvalidError."""
    # Excel's "Unicode text" is UTF-16 with a byte order mark.
    encoding = "utf-8"
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
    return without_mark(text)


def without_mark(text: str) -> str:
    """Remove what is invisible at the start of a file, where it would hide a quotation mark.

    Excel's "CSV UTF-8" begins with a byte order mark; a file that was joined or saved again by a
    script has two, and text copied from a web page a zero-width space.
    """
    return text.lstrip(MARKS)


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
