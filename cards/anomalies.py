"""Cards about anomalies: the alert, the list, the digest, and a run that did not go out."""

from collections.abc import Sequence

from cards.elements import (
    Element,
    box,
    card,
    choice_input,
    crossing,
    execute,
    facts,
    heading,
    line_chart,
    note,
    plain,
    show_card,
    table,
    text,
)
from cards.general import sample_notice
from services.model import (
    Anomaly,
    AnomalyLine,
    AnomalyNews,
    DigestNews,
    RunKind,
    RunNews,
    RunState,
)
from services.rendering.blocks import period_names
from services.wording import (
    bare_percent,
    clock_time,
    day,
    day_range,
    money,
    plural,
    sparkline,
    threshold,
)

MOST_DIGEST = 10
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
    anomaly = news.anomaly
    return card(
        [
            sample_notice(news.sample),
            *_state(news),
            heading(_title(news)),
            *_amounts(news),
            *_chart(news),
            *_owner(news),
        ],
        _actions(news),
        speak=f"{_title(news)}: {money(anomaly.excess, anomaly.currency)}",
    )


def _title(news: AnomalyNews) -> str:
    anomaly = news.anomaly
    name = plain(news.team.team_name, 60) if news.team else "Account"
    return f"{name} {anomaly.account_id}: {plain(anomaly.service, 60)}"


def _state(news: AnomalyNews) -> list[Element]:
    anomaly, answer = news.anomaly, news.anomaly.answer
    if anomaly.status == "open":
        kind = "ABOVE THRESHOLD" if anomaly.kind == "threshold" else "NEW ANOMALY"
        return [box([crossing(kind)], "attention")]
    if anomaly.status == "ended":
        last = anomaly.end or anomaly.start
        days = (last - anomaly.start).days + 1
        return [box([text(f"**ENDED** after {plural(days, 'day')}")])]
    if answer is None:
        return [box([text(f"**{STATES[anomaly.status].upper()}**")])]
    by, at = plain(answer.by, 60), clock_time(answer.at)
    reason = f": {plain(answer.reason, 200)}" if answer.reason else ""
    words = {
        "expected": f"**EXPECTED** by {by}, {at}{reason}",
        "not_an_anomaly": f"**NOT AN ANOMALY**, says {by}, {at}{reason}",
        "too_small": f"**TOO SMALL**, says {by}, {at}",
        "snoozed": f"**SNOOZED** until {day(answer.until) if answer.until else ''} by {by}, "
        "or doubled",
        "accepted": f"**NEW NORMAL**, accepted by {by}, {at}",
    }
    return [box([text(words[anomaly.status])])]


def _amounts(news: AnomalyNews) -> list[Element]:
    anomaly, figures = news.anomaly, news.figures
    excess = money(anomaly.excess, anomaly.currency)
    if anomaly.kind != "threshold":
        return [text(f"**{excess}** more than expected since {day(anomaly.start)}")]
    if figures is None or figures.window.current.first != anomaly.start:
        month = f"{anomaly.start:%B %Y}"
        return [text(f"Usage in {month}: **{excess}** above the month before")]
    now, before = period_names(figures.window)
    grown = (
        f"up {bare_percent(figures.usage_percent)}"
        if figures.usage_percent is not None
        else "new spend"
    )
    usage = money(figures.usage_current, figures.currency)
    was = money(figures.usage_previous, figures.currency)
    return [
        text(f"Usage **{excess}** above {before}, {grown}", size="Medium"),
        facts(
            [
                (now, f"{usage} usage"),
                (before, f"{was} usage"),
                ("Threshold", threshold(figures.threshold)),
                ("Grew most", plain(anomaly.service, 60)),
            ]
        ),
    ]


def _chart(news: AnomalyNews) -> list[Element]:
    week = news.figures.week if news.figures else None
    if week is None:
        return []
    days = (*week.days_before, *week.days)
    points = [(one.day.isoformat(), float(one.amount)) for one in days if one.amount is not None]
    spark = sparkline([one.amount for one in days])
    label = day_range(days[0].day, days[-1].day)
    return [line_chart(f"Cost per day, {label}", [("Cost", points)], spark)]


def _owner(news: AnomalyNews) -> list[Element]:
    anomaly = news.anomaly
    owner = f"Owner {plain(news.team.team_email, 80)}" if news.team else "No team has this account"
    return [note(f"{owner} · since {day(anomaly.start)} · raised {clock_time(anomaly.raised_at)}")]


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
    """A page of anomalies, open ones first; one of them can be opened."""
    whose = f" of {plain(team[1], 60)}" if team else ""
    if not lines:
        return card([sample_notice(sample), text(f"No anomalies{whose}.")])
    choices = [
        (
            (
                f"{one.team_name[:50]}: {one.anomaly.service[:40]}, "
                f"{money(one.anomaly.excess, one.anomaly.currency)}"
            ),
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
    first = (page - 1) * len(lines) + 1 if page < pages else total - len(lines) + 1
    return card(
        [
            sample_notice(sample),
            heading(f"{plural(total, 'anomaly', 'anomalies')}{whose}"),
            _table(lines),
            note(f"{first}–{first + len(lines) - 1} of {total}"),
            choice_input("anomaly", "Which one?", choices),
        ],
        actions,
    )


def _table(lines: Sequence[AnomalyLine]) -> Element:
    rows = [
        [
            f"**{plain(one.team_name, 50)}**  \n{plain(one.anomaly.service, 50)}",
            money(one.anomaly.excess, one.anomaly.currency),
            f"{day(one.anomaly.start)}, {STATES[one.anomaly.status]}",
        ]
        for one in lines
    ]
    return table(
        [("Team: driver", 5, False), ("Excess", 4, True), ("Since, state", 4, False)], rows
    )


def digest(news: DigestNews) -> Element:
    """Anomalies for which there is no card of their own this hour."""
    shown = news.lines[:MOST_DIGEST]
    more = len(news.lines) - len(shown)
    return card(
        [
            sample_notice(news.sample),
            heading(f"{plural(len(news.lines), 'more anomaly', 'more anomalies')}"),
            note("Together in one message, as many came at once."),
            _table(shown),
            note(f"and {more} more") if more > 0 else None,
        ],
        [execute("See all", "anomalies")],
    )


TROUBLES = {
    RunKind.WEEKLY: ("The weekly reports", "were not sent"),
    RunKind.TEAM: ("The report of one team", "was not sent"),
    RunKind.DAILY: ("The daily check", "did not run"),
}


def run_trouble(news: RunNews) -> Element:
    """A run that did not go out, or not in full."""
    run = news.run
    if news.failed and run.state in {RunState.DONE, RunState.EXPIRED}:
        reasons = [
            text(f"{plain(to, 100)}: {plain(why, 200)}", spacing="Small")
            for to, why in news.failed[:5]
        ]
        total = news.sent + len(news.failed)
        title = f"{run.period}: {news.sent:,} of {total:,} mails sent"
        retry = [execute(f"Retry {len(news.failed):,}", "run.retry", {"run": run.id})]
        return card([sample_notice(news.sample), heading(title), *reasons], retry)
    if run.state is RunState.DONE:
        return card([text(f"**{run.period}** went out after all.")])
    if news.waiting:
        total = news.sent + len(news.failed) + news.waiting
        title = f"{run.period}: {news.sent:,} of {total:,} mails sent, {news.waiting:,} wait"
        why = f"{plain(run.last_error, 400)} " if run.last_error else ""
        words = text(f"{why}No mail has gone out for a while. It is tried again by itself.")
        return card(
            [sample_notice(news.sample), heading(title), words], [execute("Status", "status")]
        )
    what, outcome = TROUBLES.get(run.kind, ("The reports", "were not sent"))
    again = (
        " It is tried again by itself."
        if run.state is RunState.OPEN
        else " Write status to see more."
    )
    return card(
        [
            sample_notice(news.sample),
            heading(f"{what} of {run.period} {outcome}"),
            text(f"{plain(run.last_error or 'No reason is known.', 400)}{again}"),
        ],
        [execute("Status", "status")],
    )
