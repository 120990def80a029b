"""Previews of both reports, and of the email as text."""

from collections.abc import Sequence

from cards.daily_costs import week_chart
from cards.elements import (
    Cell,
    Element,
    box,
    card,
    crossing,
    execute,
    figure,
    heading,
    monospace,
    note,
    notice,
    plain,
    section,
    size_of,
    table,
    text,
)
from services.domain import AdminReport, RenderedReport, Role, TeamReport
from services.domain.formatting import listed
from services.presentation import AdminView, Row, TeamView, admin_view, team_view

MAX_MOVERS = 5
MAX_ADDRESSES = 10
MAX_EMAIL_BYTES = 15_000
EMAIL_COLUMNS = 72


def team_preview(report: TeamReport, role: Role) -> Element:
    """A team's report in the words of its email."""
    view = team_view(report, app_id=None)
    target = {"team": report.team.id}
    body: list[Element | None] = [
        *(notice(words) for words in view.notices),
        note(f"{plain(view.name, 80)} · AWS account {view.account_id}"),
        heading(plain(view.title, 120)),
        *([text(plain(view.no_data, 400))] if view.no_data else _figures(report, view)),
    ]
    actions = [execute("Send", "send", target)] if role == "admin" else []
    actions += [execute("Open email", "email", target), execute("Explain", "explain", target)]
    return card(body, actions, summary=view.subject)


def _figures(report: TeamReport, view: TeamView) -> list[Element | None]:
    figures = report.figures
    return [
        figure(view.figure),
        text(view.change, spacing="None"),
        crossing(view.crossing) if view.crossing else None,
        text(plain(view.planned, 300)) if view.planned else None,
        *(text(plain(words, 300), spacing="Small") for words in view.why),
        note(view.window),
        note(view.days),
        *_anomalies(view),
        section(view.changes_heading) if view.rows else None,
        _change_table("Service", view.current_label, view.rows, view.total) if view.rows else None,
        note(view.categories) if view.categories else None,
        section(view.week) if view.week else None,
        *(week_chart(figures.week, figures.currency) if figures.week else []),
        text(view.month_end) if view.month_end else None,
    ]


def _anomalies(view: TeamView) -> list[Element]:
    if not view.anomalies:
        return []
    boxes = [
        box(
            [
                crossing(plain(anomaly.what, 300)),
                *(note(plain(words, 300), isSubtle=False) for words in anomaly.lines),
            ],
            "attention",
        )
        for anomaly in view.anomalies
    ]
    return [section(view.anomalies_heading), *boxes]


def _change_table(first: str, current: str, rows: Sequence[Row], total: Row | None) -> Element:
    cells: list[list[Cell]] = [
        [
            (plain(row.name, 60), plain(row.note, 60)),
            (row.change, row.percent),
            (row.current, f"was {row.previous}"),
        ]
        for row in (*rows, *((total,) if total else ()))
    ]
    columns = [(first, 5, False), ("Change", 4, True), (current, 4, True)]
    return table(columns, cells, bold_last=True)


def admin_preview(report: AdminReport, role: Role) -> Element:
    """The admin report: what is to be done, anomalies, and the teams that moved most."""
    view = admin_view(report, MAX_MOVERS)
    body: list[Element | None] = [
        *(notice(words) for words in view.notices),
        note(view.scope),
        heading(plain(view.title, 120)),
        figure(view.figure),
        text(view.change, spacing="None"),
        *(text(plain(words, 300), spacing="Small") for words in view.why),
        note(view.window),
        note(view.days),
        *(note(plain(words, 400)) for words in view.late),
        text(view.month_end) if view.month_end else None,
        section("To do") if view.to_do else None,
        text(" · ".join(view.to_do), spacing="Small") if view.to_do else None,
        *_anomaly_table(view),
        section(view.movers_heading),
        _change_table("Team", view.current_label, view.movers, view.total),
        note(view.categories) if view.categories else None,
        section("Delivery of the last report"),
        text(plain(view.delivery, 200), spacing="Small"),
        section("Track record of alerts") if view.record else None,
        text(view.record, spacing="Small") if view.record else None,
    ]
    actions = [execute("Send", "send", {"team": "weekly"})] if role == "admin" else []
    actions.append(execute("Open email", "email", {"team": "admin"}))
    return card(body, actions, summary=view.subject)


def _anomaly_table(view: AdminView) -> list[Element | None]:
    if not view.anomalies:
        return [note(view.more_anomalies) if view.more_anomalies else None]
    rows: list[list[Cell]] = [
        [
            (plain(line.team, 60), plain(line.driver, 60)),
            (line.excess, line.account) if line.account else line.excess,
            (plain(line.days), line.kind),
        ]
        for line in view.anomalies
    ]
    columns = [("Team: driver", 5, False), ("Excess", 4, True), ("Days", 4, True)]
    return [
        section(view.anomalies_heading),
        table(columns, rows),
        note(view.more_anomalies) if view.more_anomalies else None,
    ]


def email_text(rendered: RenderedReport, recipients: Sequence[str]) -> Element:
    """The email as its plain text, which says the same as its HTML."""
    lines = _unwrapped(rendered.text)
    shown: list[str] = []
    remaining_bytes = MAX_EMAIL_BYTES
    for line in lines:
        remaining_bytes -= size_of({"": line})
        if remaining_bytes < 0:
            break
        shown.append(line)
    cut = len(shown) < len(lines)
    return card(
        [
            heading(plain(rendered.subject, 200)),
            note(f"To {address_list(recipients)}") if recipients else None,
            monospace("\n".join(shown)),
            note("The email is longer. The rest is not shown here.") if cut else None,
        ]
    )


def _unwrapped(words: str) -> list[str]:
    """The lines of the text, joined where they were only wrapped at the width of the email.

    A phone would wrap such lines a second time, after a few words.
    """
    lines: list[str] = []
    previous = ""
    for line in words.splitlines():
        if _continues(previous, line):
            lines[-1] += f"{'' if previous.endswith('-') else ' '}{line.strip()}"
        else:
            lines.append(line)
        previous = line
    return lines


def _continues(previous: str, line: str) -> bool:
    """Whether a line is there only because its first word did not fit the previous one."""
    first_word = line.split(maxsplit=1)[:1]
    return (
        bool(first_word)
        and len(previous) + 1 + len(first_word[0]) > EMAIL_COLUMNS
        and _indent(line) == _indent(previous)
    )


def _indent(line: str) -> int:
    """Where the words of a line begin, after the bullet of a list."""
    return len(line) - len(line.lstrip(" *"))


def address_list(addresses: Sequence[str]) -> str:
    """The first addresses in a sentence, and how many more there are."""
    shown = [plain(address, 80) for address in addresses[:MAX_ADDRESSES]]
    if more := len(addresses) - len(shown):
        shown.append(f"{more:,} more")
    return listed(shown)
