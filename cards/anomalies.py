"""Cards about anomalies: the alert, the list, the digest, and a run that did not go out."""

from collections.abc import Sequence
from decimal import Decimal

from cards.days import week_chart
from cards.elements import (
    Element,
    bold,
    box,
    card,
    choice_input,
    crossing,
    execute,
    facts,
    heading,
    note,
    plain,
    show_card,
    table,
    text,
)
from cards.general import sample_notice
from services.analysis.drivers import excess_lines
from services.model import (
    Anomaly,
    AnomalyLine,
    AnomalyNews,
    DigestNews,
    RunKind,
    RunNews,
    RunState,
)
from services.rendering.blocks import crossing as crossing_words
from services.rendering.blocks import period_names
from services.rendering.hints import hint
from services.wording import (
    cents,
    clock_time,
    day,
    day_range,
    money,
    moved,
    percent_of,
    plural,
    threshold,
    weekday,
)

MOST_DIGEST = 10
MOST_DRIVERS = 3
LEAST_SHARE = 5
"""Percent of the excess below which a service is not named."""
MOST_FAILED = 5
PLAN = "plan"
"""Who answers, when usage has grown by no more than somebody had announced."""
STATES = {
    "open": "open",
    "ended": "ended",
    "expected": "expected",
    "not_an_anomaly": "not an anomaly",
    "too_small": "too small",
    "snoozed": "snoozed",
    "accepted": "new normal",
}


def alert(news: AnomalyNews) -> Element:
    """The card of an anomaly: what, how much, and buttons for what it is; or who answered."""
    figures = news.figures
    return card(
        [
            sample_notice(news.sample),
            _state(news),
            heading(_title(news)),
            *_amounts(news),
            _owner(news),
            *(week_chart(figures.week, figures.currency) if figures and figures.week else []),
        ],
        _actions(news),
        speak=f"{_title(news)}: {money(_excess(news), news.anomaly.currency)}",
    )


def _title(news: AnomalyNews) -> str:
    anomaly = news.anomaly
    name = plain(news.team.team_name, 60) if news.team else "Account"
    return f"{name} {anomaly.account_id}: {plain(anomaly.service, 60)}"


def _state(news: AnomalyNews) -> Element:
    anomaly, answer = news.anomaly, news.anomaly.answer
    if anomaly.status == "open":
        return box([crossing(_open_state(news))], "attention")
    if anomaly.status == "ended":
        last = anomaly.end or anomaly.start
        days = plural((last - anomaly.start).days + 1, "day")
        excess = money(_excess(news), anomaly.currency)
        return box([text(bold("ENDED"), f" after {days}, {excess}")])
    if answer is None:
        return box([text(STATES[anomaly.status].upper(), weight="Bolder")])
    by, at = plain(answer.by, 60), clock_time(answer.at)
    reason = f": {plain(answer.reason, 300)}" if answer.reason else ""
    until = day(answer.until) if answer.until else ""
    if answer.by_id == PLAN and anomaly.status == "expected":
        return box([text(bold("PLANNED"), f" until {until} by {by}{reason}{_actual(news)}")])
    marks = {
        "expected": ("EXPECTED", f" by {by}, {at}{reason}"),
        "not_an_anomaly": ("NOT AN ANOMALY", f", says {by}, {at}{reason}"),
        "too_small": ("TOO SMALL", f", says {by}, {at}{reason}"),
        "snoozed": ("SNOOZED", f" until {until} by {by}, or doubled"),
        "accepted": ("NEW NORMAL", f", accepted by {by}, {at}"),
    }
    mark, who = marks[anomaly.status]
    return box([text(bold(mark), who)])


def _open_state(news: AnomalyNews) -> str:
    anomaly = news.anomaly
    if news.grown_from is not None:
        before = money(news.grown_from, anomaly.currency)
        return f"GROWN {before} > {money(_excess(news), anomaly.currency)}"
    return "ABOVE THRESHOLD" if anomaly.kind == "threshold" else "NEW ANOMALY"


def _actual(news: AnomalyNews) -> str:
    """What usage has really done since the month before."""
    figures = news.figures
    if figures is None or not _has_month(news):
        return ""
    share = percent_of(figures.usage_current, figures.usage_previous)
    return f"; actual {share}" if share else ""


def _has_month(news: AnomalyNews) -> bool:
    """Whether the figures compare the month of a threshold anomaly."""
    figures = news.figures
    return (
        news.anomaly.kind == "threshold"
        and figures is not None
        and figures.window.current.first == news.anomaly.start
    )


def _excess(news: AnomalyNews) -> Decimal:
    """What the card prints: with the amounts beside it, their difference."""
    figures = news.figures
    if figures is None or not _has_month(news):
        return news.anomaly.excess
    return moved(figures.usage_current, figures.usage_previous)


def _amounts(news: AnomalyNews) -> list[Element]:
    anomaly, figures = news.anomaly, news.figures
    excess = bold(money(_excess(news), anomaly.currency))
    if anomaly.kind != "threshold":
        return [text(excess, f" more than expected since {weekday(anomaly.start)}"), *_event(news)]
    if figures is None or not _has_month(news):
        return [text(f"Usage in {anomaly.start:%B %Y}: ", excess, " above the month before")]
    now, before = period_names(figures.window)
    share = percent_of(figures.usage_current, figures.usage_previous)
    grown = f", {share}" if share else ""
    usage = money(figures.usage_current, figures.currency)
    was = money(figures.usage_previous, figures.currency)
    return [
        text("Usage ", excess, f" above {before}{grown}"),
        facts(
            [
                (now, f"{usage} usage"),
                (before, f"{was} usage"),
                ("Threshold", threshold(figures.threshold)),
                ("Grew most", plain(anomaly.service, 60)),
            ]
        ),
    ]


def _event(news: AnomalyNews) -> list[Element]:
    """What was spent and expected in the days of a detected event, and what drove it."""
    anomaly = news.anomaly
    last = anomaly.end or anomaly.last or anomaly.start
    lines = []
    if anomaly.usage is not None:
        spent = money(anomaly.usage, anomaly.currency)
        wanted = money(cents(anomaly.usage) - cents(anomaly.excess), anomaly.currency)
        lines.append(text(f"{spent}, expected {wanted}, {day_range(anomaly.start, last)}"))
    if drivers := _drivers(anomaly):
        lines.append(text(drivers))
    figures = news.figures
    if anomaly.status == "open" and figures is not None and figures.breach is not None:
        lines.append(crossing(crossing_words(figures, "the")))
    if words := hint(anomaly.service):
        lines.append(note(words))
    return lines


def _drivers(anomaly: Anomaly) -> str:
    """The services that explain most of the excess, with their shares."""
    return ", ".join(
        f"{plain(line.service, 40)} {line.percent}%"
        for line in excess_lines(anomaly.excess, anomaly.shares, MOST_DRIVERS)
        if line.service and line.percent >= LEAST_SHARE
    )


def _owner(news: AnomalyNews) -> Element:
    anomaly = news.anomaly
    owner = f"Owner {plain(news.team.team_email, 80)}" if news.team else "No team has this account"
    return note(f"{owner} · since {day(anomaly.start)} · raised {clock_time(anomaly.raised_at)}")


def _actions(news: AnomalyNews) -> list[Element]:
    anomaly = news.anomaly
    explain = [execute("Explain", "explain", {"team": news.team.id})] if news.team else []
    if anomaly.status == "ended":
        return explain
    if anomaly.status != "open":
        return [_answer("Reopen", anomaly, "open"), *explain]
    return [
        _answer("Expected", anomaly, "expected"),
        show_card(
            "Snooze",
            [text("For how long? 30 days: admins only.")],
            [
                _answer("Snooze 7 days", anomaly, "snoozed", days="7"),
                _answer("Snooze 30 days", anomaly, "snoozed", days="30"),
            ],
        ),
        *explain,
        _answer("Not an anomaly", anomaly, "not_an_anomaly"),
        _answer("Too small (admins)", anomaly, "too_small"),
        _answer("Accept as new normal (admins)", anomaly, "accepted"),
    ]


def _answer(title: str, anomaly: Anomaly, answer: str, **more: str) -> Element:
    return execute(title, "anomaly.answer", {"anomaly": anomaly.id, "answer": answer, **more})


def anomaly_list(
    lines: Sequence[AnomalyLine],
    total: int,
    page: int,
    pages: int,
    team: tuple[str, str] | None,
    sample: bool,
) -> Element:
    """A page of anomalies, open ones first; one of them can be opened.

    All pages but the last are equally long, so that the last one's place is counted from the end.
    """
    whose = f" of {plain(team[1], 60)}" if team else ""
    if not lines:
        return card([sample_notice(sample), text(f"No anomalies{whose}.")])
    choices = [
        (
            f"{plain(one.team_name, 50)}: {plain(one.anomaly.service, 40)}, {_money(one)}",
            one.anomaly.id,
        )
        for one in lines
    ]
    data = {"team": team[0]} if team else {}
    actions = [execute("Open", "anomaly.open", inputs=True)]
    if page < pages:
        actions.append(execute("Next", "anomalies", {**data, "page": str(page + 1)}))
    if page > 1:
        actions.append(execute("Back", "anomalies", {**data, "page": str(page - 1)}))
    last = page * len(lines) if page < pages else total
    first = last - len(lines) + 1
    return card(
        [
            sample_notice(sample),
            heading(f"{plural(total, 'anomaly', 'anomalies')}{whose}"),
            _table(lines),
            note(f"{first:,}–{last:,} of {total:,}") if pages > 1 else None,
            choice_input("anomaly", "Which one?", choices, value=lines[0].anomaly.id),
        ],
        actions,
    )


def _table(lines: Sequence[AnomalyLine]) -> Element:
    rows = [
        [
            (plain(one.team_name, 60), plain(one.anomaly.service, 60)),
            _money(one),
            (day(one.anomaly.start), STATES[one.anomaly.status]),
        ]
        for one in lines
    ]
    return table(
        [("Team: driver", 5, False), ("Excess", 4, True), ("Since, state", 4, False)], rows
    )


def _money(line: AnomalyLine) -> str:
    return money(line.anomaly.excess, line.anomaly.currency)


def digest(news: DigestNews) -> Element:
    """Anomalies for which there is no card of their own this hour."""
    shown = news.lines[:MOST_DIGEST]
    more = len(news.lines) - len(shown)
    return card(
        [
            sample_notice(news.sample),
            *_digest_head(news),
            _table(shown),
            note(f"and {more:,} more") if more > 0 else None,
        ],
        [execute("See all", "anomalies")],
    )


def _digest_head(news: DigestNews) -> list[Element]:
    if not news.together:
        return [
            heading(plural(len(news.lines), "more anomaly", "more anomalies")),
            note("Together in one message, as many came at once."),
        ]
    first = min(news.lines, key=lambda one: one.anomaly.start).anomaly
    return [
        box([crossing("NEW ANOMALY")], "attention"),
        heading(
            f"{len(news.lines):,} accounts at once: {plain(first.service, 60)} "
            f"since {day(first.start)}"
        ),
        note("Often a price that changed, or something that they share."),
    ]


TROUBLES = {
    RunKind.WEEKLY: ("The weekly reports", "were not sent"),
    RunKind.TEAM: ("The report of one team", "was not sent"),
    RunKind.DAILY: ("The daily check", "did not run"),
}


def run_trouble(news: RunNews) -> Element:
    """A run that did not go out, or not in full."""
    run = news.run
    status = [execute("Status", "status")]
    if news.failed and run.state in {RunState.DONE, RunState.EXPIRED}:
        reasons = [
            text(f"{plain(to, 100)}: {plain(why, 300)}", spacing="Small")
            for to, why in news.failed[:MOST_FAILED]
        ]
        more = len(news.failed) - len(reasons)
        cut = note(f"and {more:,} more") if more else None
        total = news.sent + len(news.failed)
        title = f"{run.period}: {news.sent:,} of {total:,} mails sent"
        retry = execute(f"Retry {len(news.failed):,}", "run.retry", {"run": run.id})
        head = [sample_notice(news.sample), heading(title)]
        return card([*head, *reasons, cut], [retry, *status])
    if run.state is RunState.DONE:
        return card(
            [sample_notice(news.sample), text(bold(run.period), " went out after all.")], status
        )
    if news.waiting:
        total = news.sent + len(news.failed) + news.waiting
        title = f"{run.period}: {news.sent:,} of {total:,} mails sent, {news.waiting:,} wait"
        why = f"{plain(run.last_error, 400)} " if run.last_error else ""
        words = text(f"{why}No mail has gone out for a while. It is tried again by itself.")
        return card([sample_notice(news.sample), heading(title), words], status)
    what, outcome = TROUBLES.get(run.kind, ("The reports", "were not sent"))
    reason = plain(run.last_error or "No reason is known.", 400)
    again = "It is tried again by itself." if run.state is RunState.OPEN else ""
    return card(
        [
            sample_notice(news.sample),
            heading(f"{what} of {run.period} {outcome}"),
            text(f"{reason} {again}".strip()),
        ],
        status,
    )
