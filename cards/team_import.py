"""Cards of the team import and export."""

from collections.abc import Sequence

from cards.elements import (
    Element,
    card,
    execute,
    heading,
    note,
    notice,
    plain,
    problem,
    size_of,
    text,
    text_input,
)
from cards.field_names import MAX_ERRORS, TEAM_FIELDS
from services.domain.formatting import listed, plural

MAX_TYPED_BYTES = 12_000
"""Of pasted text that a form shows again; more would make the card too large to send."""
MAX_PASTED = 20_000
MAX_CHANGES = 8
MAX_LINE = 260
"""Of a change: the longest name of a team, its account and its threshold."""


def import_form(typed: str, wrong: str) -> Element:
    """A form to paste CSV or JSON into; it keeps what was typed if that was ``wrong``."""
    problems = [plain(wrong, 300)] if wrong else []
    if size_of({"": typed}) > MAX_TYPED_BYTES:
        problems.append("Your text is too long to show here again. Correct it and paste it again.")
        typed = ""
    return card(
        [
            heading("Import teams"),
            problem(problems) if problems else None,
            text(
                "CSV with the columns team_name, aws_account_id and team_email, and optionally "
                "admin_emails and anomaly_threshold (a percentage). Or a JSON list of objects "
                "with these fields. Nothing is saved until you confirm."
            ),
            text_input(
                "text",
                "CSV or JSON",
                value=typed,
                required=True,
                error="Paste the teams here.",
                max_length=MAX_PASTED,
                multiline=True,
                placeholder="team_name,aws_account_id,team_email",
            ),
        ],
        [
            execute("Check", "import.check", style="positive", inputs=True),
            execute("Cancel", "cancel"),
        ],
    )


def import_question(
    new: int,
    changed: int,
    same: int,
    problems: Sequence[tuple[int, str, str]],
    changes: Sequence[str],
    pending: str,
    unread: str = "",
) -> Element:
    """What an import would do: counts, errors by row, and the changes.

    ``unread`` says what was not read.
    """
    counts = [f"{new:,} new", f"{changed:,} changed", f"{same:,} unchanged"]
    if problems:
        counts.append(plural(len(problems), "error"))
    body = [heading(listed(counts))]
    if unread:
        body.append(notice(plain(unread, 300)))
    if problems:
        lines = [
            f"Row {line:,}: {TEAM_FIELDS.get(field, field)} {plain(reason, 160)}"
            for line, field, reason in problems[:MAX_ERRORS]
        ]
        more = len(problems) - len(lines)
        body.append(problem([*lines, f"and {more:,} more"] if more else lines))
        body.append(note("Rows with errors will be skipped."))
    body += [text(plain(line, MAX_LINE), spacing="Small") for line in changes[:MAX_CHANGES]]
    if len(changes) > MAX_CHANGES:
        body.append(note(f"and {len(changes) - MAX_CHANGES:,} more"))
    number = new + changed
    actions = []
    if number:
        title = f"Confirm {number:,}"
        actions.append(execute(title, "import.apply", {"pending": pending}, style="positive"))
    actions.append(execute("Cancel", "cancel"))
    return card(body, actions)


def import_done(created: int, updated: int, unchanged: int, failed: int, by: str) -> Element:
    """What an import did."""
    counts = [f"{created:,} added", f"{updated:,} changed", f"{unchanged:,} unchanged"]
    if failed:
        counts.append(f"{failed:,} skipped because of errors")
    return card(
        [text(f"{listed(counts)}. Imported by {plain(by, 60)}.")],
        [execute("See teams", "teams")],
    )


def team_export(
    csv_text: str, total: int, page: int, pages: int, *, as_file: bool = False
) -> Element:
    """Teams as the CSV that the import accepts, in parts if there are many.

    ``as_file``: Teams lets bots store files here.
    """
    part = f", part {page} of {pages}" if pages > 1 else ""
    actions = [execute("Next part", "export", {"page": str(page + 1)})] if page < pages else []
    if as_file:
        actions.insert(0, execute("Save as a file", "export.file"))
    csv = text_input(
        "text", "CSV", value=csv_text, max_length=MAX_PASTED, multiline=True, error="Copy it."
    )
    return card(
        [
            heading(f"{plural(total, 'team')} as CSV{part}"),
            note("Copy this text into a file."),
            csv,
        ],
        actions,
    )
