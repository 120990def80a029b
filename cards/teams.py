"""Cards about teams: list, one team, form, import."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from cards.days import week_chart
from cards.elements import (
    Cell,
    Element,
    bold,
    card,
    choice_input,
    crossing,
    execute,
    facts,
    figure,
    heading,
    note,
    plain,
    problem,
    section,
    size_of,
    table,
    text,
    text_input,
)
from cards.general import late, sample_notice
from services.model import Role, Team, TeamReport
from services.rendering.blocks import crossing as crossing_words
from services.rendering.blocks import days_line, week_line, window_line
from services.wording import change_line, day, listed, money, plural, threshold

LABELS = {
    "team_name": "Name",
    "aws_account_id": "AWS account id",
    "team_email": "Mail",
    "admin_emails": "Admins' mails",
    "anomaly_threshold": "Threshold",
}
MOST_PROBLEMS = 8
MOST_KEPT_BYTES = 12_000
"""Of pasted text that a form shows again; a longer one would make the card too large to send."""
MOST_COPIED = 20_000
ONE_DAY = timedelta(days=1)


def team_list(
    teams: Sequence[Team],
    total: int,
    page: int,
    pages: int,
    typed: str,
    role: Role,
    sample: bool,
) -> Element:
    """A page of teams; each opens with its name."""
    if not total:
        return _no_teams(typed, role, sample)
    rows: list[list[Cell]] = [
        [
            (text(plain(team.team_name, 60), weight="Bolder"), team.aws_account_id),
            plain(team.team_email, 80),
        ]
        for team in teams
    ]
    fits = f" {'fits' if total == 1 else 'fit'} “{plain(typed, 40)}”" if typed else ""
    actions = [execute("Open", "team", inputs=True)]
    if page < pages:
        actions.append(execute("Next", "teams", {"text": typed, "page": str(page + 1)}))
    if page > 1:
        actions.append(execute("Back", "teams", {"text": typed, "page": str(page - 1)}))
    if role == "admin":
        actions.append(execute("Add team", "team.form"))
        actions.append(execute("Import", "import.form"))
    choices = [(f"{plain(one.team_name, 60)}, {one.aws_account_id}", one.id) for one in teams]
    return card(
        [
            sample_notice(sample),
            heading(f"{plural(total, 'team')}{fits}"),
            table([("Team, AWS account", 4, False), ("Mail", 5, False)], rows),
            note(f"Page {page:,} of {pages:,}") if pages > 1 else None,
            choice_input("team", "Which one?", choices, value=teams[0].id),
        ],
        actions,
    )


def _no_teams(typed: str, role: Role, sample: bool) -> Element:
    words = f"No team fits “{plain(typed, 40)}”." if typed else "No teams yet."
    actions = [execute("See teams", "teams")] if typed else []
    if role == "admin":
        actions += [execute("Add team", "team.form"), execute("Import", "import.form")]
    return card([sample_notice(sample), text(words)], actions)


def team_card(report: TeamReport, role: Role) -> Element:
    """One team: costs, chart, threshold, contacts, open anomalies."""
    team, figures = report.team, report.figures
    actions = [
        execute("Explain", "explain", {"team": team.id}),
        execute("Preview", "preview", {"team": team.id}),
        execute("Costs", "costs", {"team": team.id, "span": "month"}),
    ]
    if report.anomalies:
        actions.append(execute("Anomalies", "anomalies", {"team": team.id}))
    if role == "admin":
        actions.append(execute("Edit", "team.form", {"team": team.id}))
        actions.append(execute("Remove", "team.remove", {"team": team.id}))
    return card(
        [
            sample_notice(report.sample),
            late(figures.data_through, report.expected_through),
            heading(plain(team.team_name, 80)),
            note(f"AWS account {team.aws_account_id}"),
            *_figures(report),
            facts(_contacts(team, figures.threshold)),
        ],
        actions,
    )


def _figures(report: TeamReport) -> list[Element | None]:
    """The mail's own words."""
    figures = report.figures
    if figures.silent:
        since = f" since {day(figures.last_day + ONE_DAY)}" if figures.last_day else ""
        return [text(f"No AWS cost data{since}.", weight="Bolder")]
    current, previous, currency = figures.current_total, figures.previous_total, figures.currency
    open_ones = len(report.anomalies)
    crossed = crossing_words(figures, "the")
    return [
        figure(money(current, currency)),
        text(change_line(current, previous, currency), spacing="None"),
        crossing(crossed) if crossed else None,
        note(window_line(figures.window, previous, currency)),
        note(days_line(figures.window, figures.data_through, currency)),
        text(plural(open_ones, "open anomaly", "open anomalies")) if open_ones else None,
        section(week_line(figures.week, currency)) if figures.week else None,
        *(week_chart(figures.week, currency) if figures.week else []),
    ]


def _contacts(team: Team, limit: float) -> list[tuple[str, str]]:
    own = "" if team.anomaly_threshold is not None else " (for all teams)"
    pairs = [
        ("Threshold", f"{threshold(limit)}{own}"),
        ("Mail", plain(team.team_email, 100)),
    ]
    if team.admin_emails:
        pairs.append(("Admins", plain(", ".join(team.admin_emails), 300)))
    return pairs


# Forms


def team_form(
    values: Mapping[str, str],
    problems: Sequence[tuple[str, str]],
    team_id: str | None,
    global_threshold: float,
) -> Element:
    """Add or change a team; what was typed is kept when something is wrong."""
    limit = threshold(global_threshold)
    return card(
        [
            heading("Change a team" if team_id else "Add a team"),
            problem(problems_of(problems)) if problems else None,
            text_input("name", "Name", value=values.get("name", ""), required=True),
            text_input(
                "account",
                "AWS account id",
                value=values.get("account", ""),
                required=True,
                error="12 digits, with leading zeros.",
                longest=20,
                hint="012345678901",
            ),
            text_input(
                "mail",
                "Mail",
                value=values.get("mail", ""),
                required=True,
                error="The address that gets the weekly report.",
            ),
            text_input(
                "admins",
                "Admins' mails (they get the report too)",
                value=values.get("admins", ""),
                error="Addresses, separated by commas.",
                longest=2000,
                hint="a@example.com, b@example.com",
            ),
            text_input(
                "threshold",
                f"Threshold in percent (empty: {limit})",
                value=values.get("threshold", ""),
                error="A number above 0, or nothing.",
                longest=12,
            ),
        ],
        [
            execute(
                "Save",
                "team.save",
                {"team": team_id} if team_id else {},
                style="positive",
                inputs=True,
            ),
            execute("Cancel", "cancel"),
        ],
    )


def problems_of(problems: Sequence[tuple[str, str]]) -> list[str]:
    """What is wrong with a team, each field named as the form names it."""
    return [
        f"{LABELS.get(field, field)} {plain(reason, 200)}".strip()
        for field, reason in problems[:MOST_PROBLEMS]
    ]


def team_stored(
    team: Team, what: str, by: str, entry: str | None, global_threshold: float
) -> Element:
    """A team was added, changed or restored: its facts and the way back."""
    limit = team.anomaly_threshold or global_threshold
    actions = [execute("Undo", "undo", {"entry": entry})] if entry else []
    actions += [
        execute("Edit", "team.form", {"team": team.id}),
        execute("Preview", "preview", {"team": team.id}),
    ]
    return card(
        [
            text(bold(plain(team.team_name, 80)), f" {what} by {plain(by, 60)}."),
            facts([("AWS account", team.aws_account_id), *_contacts(team, limit)]),
        ],
        actions,
    )


def remove_question(team: Team) -> Element:
    """Asks before a team is removed, and says what is kept."""
    return card(
        [
            heading(f"Remove {plain(team.team_name, 60)}?"),
            text(
                f"AWS account {team.aws_account_id} then gets no report. Its costs, reports and "
                "history are kept, and it is listed to the admins as an account without a team. "
                "This can be undone."
            ),
        ],
        [
            execute("Remove", "team.remove.yes", {"team": team.id}, style="destructive"),
            execute("Cancel", "cancel"),
        ],
    )


def team_removed(team: Team, by: str, entry: str) -> Element:
    """A team was removed; the way back."""
    return card(
        [text(bold(plain(team.team_name, 80)), f" was removed by {plain(by, 60)}.")],
        [execute("Undo", "undo", {"entry": entry})],
    )


# Import


def import_form(typed: str, wrong: str) -> Element:
    """CSV or JSON is pasted here."""
    problems = [plain(wrong, 300)] if wrong else []
    if size_of({"": typed}) > MOST_KEPT_BYTES:
        problems.append("Your text is too long to stand here again. Mend it and paste it anew.")
        typed = ""
    return card(
        [
            heading("Import teams"),
            problem(problems) if problems else None,
            text(
                "CSV with the columns team_name, aws_account_id, team_email and, if you like, "
                "admin_emails (separated by ;) and anomaly_threshold; or a JSON list of objects "
                "with these fields. Nothing is stored before you confirm."
            ),
            text_input(
                "text",
                "CSV or JSON",
                value=typed,
                required=True,
                error="Paste the teams here.",
                longest=20_000,
                lines=True,
                hint="team_name,aws_account_id,team_email",
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
) -> Element:
    """What an import would do, row by row where it matters."""
    counts = [f"{new:,} new", f"{changed:,} changed", f"{same:,} the same"]
    if problems:
        counts.append(plural(len(problems), "error"))
    body = [heading(listed(counts))]
    if problems:
        lines = [
            f"Row {line:,}: {LABELS.get(field, field)} {plain(reason, 160)}"
            for line, field, reason in problems[:MOST_PROBLEMS]
        ]
        left = len(problems) - len(lines)
        body.append(problem([*lines, f"and {left:,} more"] if left else lines))
        body.append(note("Rows with errors are left out."))
    body += [text(plain(line, 200), spacing="Small") for line in changes[:MOST_PROBLEMS]]
    if len(changes) > MOST_PROBLEMS:
        body.append(note(f"and {len(changes) - MOST_PROBLEMS:,} more"))
    number = new + changed
    actions = []
    if number:
        title = f"Confirm {number:,}"
        actions.append(execute(title, "import.apply", {"pending": pending}, style="positive"))
    actions.append(execute("Cancel", "cancel"))
    return card(body, actions)


def import_done(created: int, updated: int, unchanged: int, failed: int, by: str) -> Element:
    """What an import did."""
    counts = [f"{created:,} added", f"{updated:,} changed", f"{unchanged:,} the same"]
    if failed:
        counts.append(f"{failed:,} with errors left out")
    return card(
        [text(f"{listed(counts)}. Imported by {plain(by, 60)}.")],
        [execute("See teams", "teams")],
    )


def export(csv_text: str, total: int, page: int, pages: int) -> Element:
    """Teams as the CSV that the import takes; in parts where there are many."""
    part = f", part {page} of {pages}" if pages > 1 else ""
    actions = [execute("Next part", "export", {"page": str(page + 1)})] if page < pages else []
    copied = text_input(
        "text", "CSV", value=csv_text, longest=MOST_COPIED, lines=True, error="Copy it."
    )
    return card(
        [heading(f"{plural(total, 'team')} as CSV{part}"), note("Copy it into a file."), copied],
        actions,
    )
