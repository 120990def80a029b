"""Cards about reports: previews, the question before sending, progress, and what came of it."""

from collections.abc import Mapping, Sequence

from cards.days import week_chart
from cards.elements import (
    Cell,
    Element,
    bold,
    box,
    card,
    crossing,
    execute,
    facts,
    figure,
    heading,
    monospace,
    note,
    notice,
    plain,
    progress_bar,
    section,
    sentence,
    size_of,
    table,
    text,
)
from cards.general import sample_notice
from services.model import (
    AdminReport,
    Delivery,
    DeliveryState,
    RenderedReport,
    Role,
    Run,
    RunKind,
    RunState,
    TeamReport,
)
from services.rendering.admin_view import admin_view
from services.rendering.change_rows import Row
from services.rendering.team_view import TeamView, team_view
from services.wording import clock_time, day, listed, plural

MOST_MOVERS = 5
MOST_FAILED = 5
MOST_DETAILS = 20
MOST_ADDRESSES = 10
MOST_MAIL_BYTES = 15_000
MAIL_WIDTH = 72
"""Columns of a mail's text."""


def team_preview(report: TeamReport, role: Role) -> Element:
    """A team's report next to what will be mailed, with the mail's own words."""
    view = team_view(report, teams_app=False)
    target = {"team": report.team.id}
    body: list[Element | None] = [
        *(notice(words) for words in view.notices),
        note(f"{plain(view.name, 80)} · AWS account {view.account_id}"),
        heading(plain(view.title, 120)),
        *([text(plain(view.no_data, 400))] if view.no_data else _figures(report, view)),
    ]
    actions = [execute("Send", "send", target)] if role == "admin" else []
    actions += [
        execute("Open e-mail", "email", target),
        execute("Explain", "explain", target),
    ]
    return card(body, actions, speak=view.subject)


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
        section(view.changes_heading),
        _change_table("Service", view.current_label, view.rows, view.total),
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
                crossing(plain(one.what, 300)),
                *(note(plain(words, 300), isSubtle=False) for words in one.lines),
            ],
            "attention",
        )
        for one in view.anomalies
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
    """The consolidated report: what is to do, anomalies, movers."""
    view = admin_view(report, MOST_MOVERS)
    anomalies: list[list[Cell]] = [
        [(plain(one.team, 60), plain(one.driver, 60)), one.excess, (plain(one.since), one.kind)]
        for one in view.anomalies
    ]
    columns = [("Team: driver", 5, False), ("Excess", 4, True), ("Since", 4, True)]
    body: list[Element | None] = [
        *(notice(words) for words in view.notices),
        note(view.scope),
        heading(plain(view.title, 120)),
        figure(view.figure),
        text(view.change, spacing="None"),
        *(text(plain(words, 300), spacing="Small") for words in view.why),
        note(view.window),
        note(view.days),
        text(view.month_end) if view.month_end else None,
        section("To do") if view.to_do else None,
        text(" · ".join(view.to_do), spacing="Small") if view.to_do else None,
        section(view.anomalies_heading) if anomalies else None,
        table(columns, anomalies) if anomalies else None,
        note(view.more_anomalies) if view.more_anomalies else None,
        section(view.movers_heading),
        _change_table("Team", view.current_label, view.movers, view.total),
        note(view.categories) if view.categories else None,
        section("Delivery of the last report"),
        text(plain(view.delivery, 200), spacing="Small"),
        section("Record of alerts") if view.record else None,
        text(view.record, spacing="Small") if view.record else None,
    ]
    actions = [execute("Send", "send", {"team": "weekly"})] if role == "admin" else []
    actions.append(execute("Open e-mail", "email", {"team": "admin"}))
    return card(body, actions, speak=view.subject)


def mail_text(rendered: RenderedReport, recipients: Sequence[str]) -> Element:
    """The mail as its plain text, which says the same as its HTML."""
    lines, kept = _unwrapped(rendered.text), []
    left = MOST_MAIL_BYTES
    for line in lines:
        left -= size_of({"": line})
        if left < 0:
            break
        kept.append(line)
    return card(
        [
            heading(plain(rendered.subject, 200)),
            note(f"To {_cut(recipients)}") if recipients else None,
            monospace("\n".join(kept)),
            note("The mail goes on; it is cut here.") if len(kept) < len(lines) else None,
        ]
    )


def _unwrapped(words: str) -> list[str]:
    """The lines of a mail's text, joined where only their length has ended them.

    A phone would end them once more, after a few words.
    """
    found: list[str] = []
    before = ""
    for line in words.splitlines():
        first = line.split(maxsplit=1)[:1]
        if (
            first
            and len(before) + 1 + len(first[0]) > MAIL_WIDTH
            and _inset(line) == _inset(before)
        ):
            found[-1] += f"{'' if before.endswith('-') else ' '}{line.strip()}"
        else:
            found.append(line)
        before = line
    return found


def _inset(line: str) -> int:
    """Where a line's words begin; the mark of a list stands before them."""
    return len(line) - len(line.lstrip(" *"))


def _cut(addresses: Sequence[str]) -> str:
    shown = [plain(one, 80) for one in addresses[:MOST_ADDRESSES]]
    if more := len(addresses) - len(shown):
        shown.append(f"{more:,} more")
    return listed(shown)


# Sending


def send_question(
    period: str,
    teams: int,
    admins: int,
    sent: int,
    who: str,
    transport: str,
    data: Mapping[str, str],
    *,
    addresses: Sequence[str] = (),
    sample: bool = False,
    no_admins: bool = False,
) -> Element:
    """Asks before anything is mailed: how many mails go to whom.

    ``no_admins``: there is a consolidated report, and nobody to get it.
    """
    total = teams + admins
    parts = [f"{plural(teams, 'mail')} to {plain(who, 80)}"]
    if admins:
        parts.append(f"{admins:,} to admins")
    where = (
        "They go to the outbox of this machine; nothing is mailed."
        if transport == "outbox"
        else ""
    )
    return card(
        [
            sample_notice(sample),
            heading(f"{period}: {', '.join(parts)}"),
            text(f"To {_cut(addresses)}") if addresses else None,
            text(f"{sent:,} sent before. {where}".strip()),
            text("Nobody gets the admins' report. Write ", bold("recipients"), " to change that.")
            if no_admins
            else None,
        ],
        [
            execute(f"Send {plural(total, 'mail')}", "send.yes", data, style="positive"),
            execute("Cancel", "cancel"),
        ],
    )


def progress(run: Run, counts: Mapping[DeliveryState, int], asked_by: str) -> Element:
    """A run at work."""
    total = sum(counts.values())
    by = f"by {plain(asked_by, 60)}, {clock_time(run.created_at)}"
    marked = sample_notice(run.source == "sample")
    if not run.planned:
        said = text(bold(run.period), " Reading costs and making reports…")
        return card([marked, said, progress_bar(0, 0), note(f"{by}{_trouble(run)}")])
    sent = counts.get(DeliveryState.SENT, 0)
    failed = sum(counts.get(state, 0) for state in FAILED)
    return card(
        [
            marked,
            text(bold(run.period), f" {sent:,} of {total:,} sent · {failed:,} failed"),
            progress_bar(sent + failed, total),
            note(f"{by}{_trouble(run)}"),
        ]
    )


FAILED = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.EXPIRED)


def _trouble(run: Run) -> str:
    return f" · {plain(run.last_error, 200)}" if run.last_error else ""


def done(
    run: Run,
    counts: Mapping[DeliveryState, int],
    failed: Sequence[Delivery],
    asked_by: str,
) -> Element:
    """What came of a run, with the way to try again what failed."""
    total = sum(counts.values())
    sent = counts.get(DeliveryState.SENT, 0)
    by = f"by {plain(asked_by, 60)}, {clock_time(run.finished_at or run.created_at)}"
    marked = sample_notice(run.source == "sample")
    said = f" {sent:,} of {total:,} sent." if sent else " No mail was sent."
    if run.state is RunState.FAILED:
        reason = f"{said} {sentence(run.last_error or '')}".rstrip()
        return card(
            [marked, text(bold(run.period), reason), note(by)],
            [
                execute("Try again", "send", {"team": run.team_id or "weekly"}),
                execute("Status", "status"),
            ],
        )
    if run.transport == "outbox" and sent:
        said += " They are in the outbox of this machine."
    more = len(failed) - MOST_FAILED
    actions = [execute("Details", "run.details", {"run": run.id})]
    if failed:
        actions.insert(0, execute(f"Retry {len(failed):,}", "run.retry", {"run": run.id}))
    return card(
        [
            marked,
            text(bold(run.period), said),
            *_reasons(failed[:MOST_FAILED]),
            note(f"and {more:,} more") if more > 0 else None,
            note(by),
        ],
        actions,
    )


def _reasons(failed: Sequence[Delivery]) -> list[Element]:
    return [
        text(
            f"{plain(one.recipient, 100)}: {plain(one.error or one.state.value, 300)}",
            spacing="Small",
        )
        for one in failed
    ]


def run_details(
    run: Run, counts: Mapping[DeliveryState, int], failed: Sequence[Delivery]
) -> Element:
    """A run's facts."""
    kinds = {
        RunKind.WEEKLY: "weekly reports",
        RunKind.TEAM: "one team's report",
        RunKind.DAILY: "daily check",
        RunKind.NOTICE: "notice to admins",
    }
    pairs = [
        (
            "Run",
            f"{run.period}, {kinds[run.kind]}{f', repetition {run.repeat}' * (run.repeat > 1)}",
        ),
        ("State", run.state.value),
        ("Asked by", plain(run.requested_by.name or run.requested_by.door, 60)),
        ("Began", clock_time(run.created_at)),
        ("Mails", ", ".join(f"{n:,} {state.value}" for state, n in counts.items()) or "none"),
    ]
    if run.summary:
        pairs.append(("Data through", f"{day(run.summary.data_through)} (UTC)"))
    if run.last_error:
        pairs.append(("Last error", plain(run.last_error, 300)))
    more = len(failed) - MOST_DETAILS
    cut = note(f"and {more:,} more") if more > 0 else None
    head = [sample_notice(run.source == "sample"), heading("Run"), facts(pairs)]
    return card([*head, *_reasons(failed[:MOST_DETAILS]), cut])
