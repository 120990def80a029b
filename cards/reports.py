"""Cards about reports: previews, the question before sending, progress, and what came of it."""

from collections.abc import Mapping, Sequence

from cards.elements import (
    Element,
    card,
    crossing,
    execute,
    facts,
    figure,
    heading,
    line_chart,
    note,
    plain,
    section,
    table,
    text,
)
from cards.general import late, sample_notice
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
from services.rendering.blocks import Row
from services.rendering.team_view import team_view
from services.wording import clock_time, plural, sparkline

MOST_MOVERS = 5
MOST_FAILED = 5
LONGEST_MAIL = 9_000


def team_preview(report: TeamReport, role: Role) -> Element:
    """A team's report next to what will be mailed, with the mail's own words."""
    view = team_view(report, teams_app=False)
    target = {"team": report.team.id}
    body: list[Element | None] = [
        sample_notice(report.sample),
        late(report.figures.data_through, report.expected_through),
        note(f"{plain(view.name, 80)} · AWS account {view.account_id}"),
        heading(plain(view.title, 120)),
    ]
    if view.no_data:
        body.append(text(plain(view.no_data, 400)))
    else:
        body += [
            figure(view.figure),
            text(view.change, spacing="None"),
            crossing(plain(view.crossing)) if view.crossing else None,
            text(plain(view.planned)) if view.planned else None,
            note(view.window),
            note(view.days),
            *_boxes(report),
            section(view.changes_heading),
            _change_table("Service", view.current_label, view.rows, view.total),
            note(plain(view.categories)) if view.categories else None,
            *_week(report, view.week),
            text(view.month_end) if view.month_end else None,
        ]
    actions = [execute("Send", "send", target)] if role == "admin" else []
    actions += [
        execute("Open e-mail", "email", target),
        execute("Explain", "explain", target),
    ]
    return card(body, actions, speak=view.subject)


def _boxes(report: TeamReport) -> list[Element]:
    view = team_view(report, teams_app=False)
    if not view.anomalies:
        return []
    return [
        section(view.anomalies_heading),
        *(
            {
                "type": "Container",
                "style": "attention",
                "items": [crossing(plain(one.what, 300)), text(plain(one.state), spacing="None")],
            }
            for one in view.anomalies
        ),
    ]


def _change_table(first: str, current: str, rows: Sequence[Row], total: Row | None) -> Element:
    cells = [
        [
            f"{plain(row.name, 60)}{f'  {chr(10)}{plain(row.note, 60)}' if row.note else ''}",
            f"{row.change}{f'  {chr(10)}{row.percent}' if row.percent else ''}",
            f"{row.current}  \nwas {row.previous}",
        ]
        for row in (*rows, *((total,) if total else ()))
    ]
    return table(
        [(first, 5, False), ("Change", 4, True), (current, 4, True)],
        cells,
        bold_last=total is not None,
    )


def _week(report: TeamReport, words: str) -> list[Element]:
    week = report.figures.week
    if week is None or not words:
        return []
    days = (*week.days_before, *week.days)
    points = [(one.day.isoformat(), float(one.amount or 0)) for one in days]
    spark = sparkline([one.amount for one in days])
    return [section(words), line_chart("Cost per day, last two weeks", [("Cost", points)], spark)]


def admin_preview(report: AdminReport, role: Role) -> Element:
    """The consolidated report: what is to do, anomalies, movers."""
    view = admin_view(report)
    anomalies = [
        [f"{plain(one.team, 60)}  \n{plain(one.driver, 60)}", one.excess, plain(one.since)]
        for one in view.anomalies
    ]
    rest = len(report.teams) - MOST_MOVERS
    movers = view.movers[:MOST_MOVERS] if rest > 0 else view.movers
    body: list[Element | None] = [
        sample_notice(report.sample),
        late(report.data_through, report.expected_through),
        note(view.scope),
        heading(plain(view.title, 120)),
        figure(view.figure),
        text(view.change, spacing="None"),
        note(view.window),
        note(view.days),
        section(f"To do: {', '.join(view.to_do)}") if view.to_do else None,
        section(view.anomalies_heading) if anomalies else None,
        table([("Team", 5, False), ("Excess", 4, True), ("Since", 4, False)], anomalies)
        if anomalies
        else None,
        note(view.more_anomalies) if view.more_anomalies else None,
        section(view.movers_heading),
        _change_table("Team", view.current_label, movers, None),
        note(f"and {plural(rest, 'other team')} in the mail's CSV") if rest > 0 else None,
        note(plain(view.categories)) if view.categories else None,
    ]
    actions = [execute("Send", "send", {"team": "weekly"})] if role == "admin" else []
    actions.append(execute("Open e-mail", "email", {"team": "admin"}))
    return card(body, actions, speak=view.subject)


def mail_text(rendered: RenderedReport, recipients: Sequence[str]) -> Element:
    """The mail as its plain text, which says the same as its HTML."""
    words = rendered.text
    cut = len(words) > LONGEST_MAIL
    lines = [
        {
            "type": "RichTextBlock",
            "inlines": [
                {
                    "type": "TextRun",
                    "text": words[:LONGEST_MAIL],
                    "fontType": "Monospace",
                    "size": "Small",
                }
            ],
        }
    ]
    to = f"To {', '.join(plain(one, 80) for one in recipients[:10])}" if recipients else ""
    return card(
        [
            heading(plain(rendered.subject, 200)),
            note(to) if to else None,
            *lines,
            note("The mail goes on; it is cut here.") if cut else None,
        ]
    )


# Sending


def send_question(
    period: str,
    teams: int,
    admins: int,
    sent: int,
    who: str,
    transport: str,
    data: Mapping[str, str],
) -> Element:
    """Asks before anything is mailed: how many mails go to whom."""
    total = teams + admins
    parts = [f"{plural(teams, 'mail')} to {who}"]
    if admins:
        parts.append(f"{admins:,} to admins")
    where = (
        "They go to the outbox of this machine; nothing is mailed."
        if transport == "outbox"
        else ""
    )
    return card(
        [
            heading(f"{period}: {', '.join(parts)}"),
            text(f"{sent:,} sent before. {where}".strip()),
        ],
        [
            execute(f"Send {plural(total, 'mail')}", "send.yes", data, style="positive"),
            execute("Cancel", "cancel"),
        ],
    )


def progress(run: Run, counts: Mapping[DeliveryState, int], role_free_by: str) -> Element:
    """A run at work."""
    total = sum(counts.values())
    by = f"by {plain(role_free_by, 60)}, {clock_time(run.created_at)}"
    if not run.planned:
        said = "Reading costs and making reports…"
        return card([text(f"**{run.period}** {said}"), _bar(0, 0), note(by)])
    sent = counts.get(DeliveryState.SENT, 0)
    failed = sum(counts.get(state, 0) for state in FAILED)
    return card(
        [
            text(f"**{run.period}** {sent:,} of {total:,} sent · {failed:,} failed"),
            _bar(sent + failed, total),
            note(f"{by}{_trouble(run)}"),
        ]
    )


FAILED = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.EXPIRED)


def _trouble(run: Run) -> str:
    return f" · {plain(run.last_error, 200)}" if run.last_error else ""


def _bar(done: int, total: int) -> Element:
    """A progress bar; where it is not drawn, the line above says the same."""
    value = {"value": done, "max": total} if total else {}
    return {"type": "ProgressBar", **value, "fallback": "drop"}


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
    if run.state is RunState.FAILED:
        return card(
            [
                text(f"**{run.period}** No mail was sent. {plain(run.last_error or '', 400)}"),
                note(by),
            ],
            [
                execute("Try again", "send", {"team": run.team_id or "weekly"}),
                execute("Status", "status"),
            ],
        )
    said = f"**{run.period}** {sent:,} of {total:,} sent."
    if run.transport == "outbox":
        said += " They are in the outbox of this machine."
    reasons = [
        text(f"{plain(one.recipient, 100)}: {plain(one.error or one.state.value, 200)}")
        for one in failed[:MOST_FAILED]
    ]
    more = len(failed) - MOST_FAILED
    actions = [execute("Details", "run.details", {"run": run.id})]
    if failed:
        actions.insert(0, execute(f"Retry {len(failed):,}", "run.retry", {"run": run.id}))
    return card(
        [text(said), *reasons, note(f"and {more} more") if more > 0 else None, note(by)], actions
    )


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
        pairs.append(("Data through", run.summary.data_through.isoformat()))
    if run.last_error:
        pairs.append(("Last error", plain(run.last_error, 300)))
    reasons = [
        text(f"{plain(one.recipient, 100)}: {plain(one.error or one.state.value, 200)}")
        for one in failed[:20]
    ]
    return card([heading("Run"), facts(pairs), *reasons])
