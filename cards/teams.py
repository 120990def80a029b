"""Cards of teams: the list, one team, the form, and what was stored or removed."""

from collections.abc import Mapping, Sequence

from cards.daily_costs import week_chart
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
    table,
    text,
    text_input,
)
from cards.field_names import TEAM_FIELDS, team_errors
from cards.notices import late_data_notice, sample_notice
from services.domain import Role, Team, TeamReport
from services.domain.formatting import change_line, money, plural, threshold
from services.presentation import crossing as crossing_words
from services.presentation import (
    days_line,
    no_data_title,
    no_data_words,
    week_line,
    window_line,
)
from services.teams import Namesakes

MAX_SHARED_NAMES = 3


def team_list(
    teams: Sequence[Team],
    total: int,
    page: int,
    pages: int,
    typed: str,
    role: Role,
    sample: bool,
    shared_names: Sequence[Namesakes] = (),
) -> Element:
    """A page of teams that match what was typed; one can be opened.

    ``shared_names``: the names that several of all teams have.
    """
    if not total:
        return _no_teams(typed, role, sample)
    rows: list[list[Cell]] = [
        [
            (text(plain(team.team_name, 60), weight="Bolder"), team.aws_account_id),
            plain(team.team_email, 80),
        ]
        for team in teams
    ]
    matches = f" {'matches' if total == 1 else 'match'} “{plain(typed, 40)}”" if typed else ""
    actions = [execute("Open", "team", inputs=True)]
    if page < pages:
        actions.append(execute("Next", "teams", {"text": typed, "page": str(page + 1)}))
    if page > 1:
        actions.append(execute("Back", "teams", {"text": typed, "page": str(page - 1)}))
    if role == "admin":
        actions.append(execute("Add team", "team.form"))
        actions.append(execute("Import", "import.form"))
    choices = [(f"{plain(t.team_name, 60)}, {t.aws_account_id}", t.id) for t in teams]
    return card(
        [
            sample_notice(sample),
            heading(f"{plural(total, 'team')}{matches}"),
            table([("Team, AWS account", 4, False), ("Email", 5, False)], rows),
            note(f"Page {page:,} of {pages:,}") if pages > 1 else None,
            *(note(plain(same.advice, 400)) for same in shared_names[:MAX_SHARED_NAMES]),
            choice_input("team", "Team", choices, value=teams[0].id),
        ],
        actions,
    )


def _no_teams(typed: str, role: Role, sample: bool) -> Element:
    words = f"No team matches “{plain(typed, 40)}”." if typed else "No teams yet."
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
            late_data_notice(figures.through, report.expected_through),
            heading(plain(team.team_name, 80)),
            note(f"AWS account {team.aws_account_id}"),
            *_figures(report),
            facts(_contacts(team, figures.threshold)),
        ],
        actions,
    )


def _figures(report: TeamReport) -> list[Element | None]:
    """The figures in the words of the email."""
    figures = report.figures
    if not figures.comparable:
        return [
            text(f"{no_data_title(figures)}.", weight="Bolder"),
            text(no_data_words(figures)),
        ]
    current, previous, currency = figures.current_total, figures.previous_total, figures.currency
    anomalies = len(report.anomalies)
    crossed = crossing_words(figures, "the")
    return [
        figure(money(current, currency)),
        text(change_line(current, previous, currency), spacing="None"),
        crossing(crossed) if crossed else None,
        note(window_line(figures.window, previous, currency)),
        note(days_line(figures.window, figures.through, currency, report.metric)),
        text(plural(anomalies, "open anomaly", "open anomalies")) if anomalies else None,
        section(week_line(figures.week, currency, is_late=figures.is_late))
        if figures.week
        else None,
        *(week_chart(figures.week, currency) if figures.week else []),
    ]


def _contacts(team: Team, limit: float) -> list[tuple[str, str]]:
    scope = "" if team.anomaly_threshold is not None else " (default for all teams)"
    pairs = [
        ("Threshold", f"{threshold(limit)}{scope}"),
        ("Email", plain(team.team_email, 100)),
    ]
    if team.admin_emails:
        pairs.append(("Admins", plain(", ".join(team.admin_emails), 300)))
    return pairs


def team_form(
    values: Mapping[str, str],
    problems: Sequence[tuple[str, str]],
    team_id: str | None,
    global_threshold: float,
) -> Element:
    """Adds or edits a team; after errors (field, reason) it keeps what was typed."""
    data = {"team": team_id} if team_id else {}
    return card(
        [
            heading("Edit team" if team_id else "Add team"),
            problem(team_errors(problems)) if problems else None,
            *_team_inputs(values, threshold(global_threshold)),
        ],
        [
            execute("Save", "team.save", data, style="positive", inputs=True),
            execute("Cancel", "cancel"),
        ],
    )


def _team_inputs(values: Mapping[str, str], default_threshold: str) -> list[Element]:
    return [
        text_input("name", TEAM_FIELDS["team_name"], value=values.get("name", ""), required=True),
        text_input(
            "account",
            TEAM_FIELDS["aws_account_id"],
            value=values.get("account", ""),
            required=True,
            error="Enter 12 digits, including leading zeros.",
            max_length=20,
            placeholder="012345678901",
        ),
        text_input(
            "mail",
            TEAM_FIELDS["team_email"],
            value=values.get("mail", ""),
            required=True,
            error="Enter the address that gets the weekly report.",
        ),
        text_input(
            "admins",
            f"{TEAM_FIELDS['admin_emails']} (they get the report too)",
            value=values.get("admins", ""),
            error="Separate addresses with commas.",
            max_length=2000,
            placeholder="a@example.com, b@example.com",
        ),
        text_input(
            "threshold",
            f"{TEAM_FIELDS['anomaly_threshold']} in percent (leave empty for {default_threshold})",
            value=values.get("threshold", ""),
            error="Enter a number above 0, or leave it empty.",
            max_length=12,
        ),
    ]


def team_stored(
    team: Team, outcome: str, by: str, entry: str | None, global_threshold: float
) -> Element:
    """A team "was added", changed or restored; Undo while its audit entry can be undone."""
    limit = team.anomaly_threshold or global_threshold
    actions = [execute("Undo", "undo", {"entry": entry})] if entry else []
    actions += [
        execute("Edit", "team.form", {"team": team.id}),
        execute("Preview", "preview", {"team": team.id}),
    ]
    return card(
        [
            text(bold(plain(team.team_name, 80)), f" {outcome} by {plain(by, 60)}."),
            facts([("AWS account", team.aws_account_id), *_contacts(team, limit)]),
        ],
        actions,
    )


def remove_question(team: Team) -> Element:
    """Asks before a team is removed, and says what stays stored."""
    return card(
        [
            heading(f"Remove {plain(team.team_name, 60)}?"),
            text(
                "The team will get no more reports. Admins will see AWS account "
                f"{team.aws_account_id} as an account without a team. Its costs, reports and "
                "history stay stored. You can undo this."
            ),
        ],
        [
            execute("Remove", "team.remove.yes", {"team": team.id}, style="destructive"),
            execute("Cancel", "cancel"),
        ],
    )


def team_removed(team: Team, by: str, entry: str) -> Element:
    """Confirms that a team was removed and offers to undo it."""
    return card(
        [text(bold(plain(team.team_name, 80)), f" was removed by {plain(by, 60)}.")],
        [execute("Undo", "undo", {"entry": entry})],
    )
