"""Cards about anomalies: the alert, the list, the digest, and a run that did not go out."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

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
    sentence,
    show_card,
    table,
    text,
)
from cards.general import sample_notice
from services.analysis.quiet import BY_MINIMUM, BY_PLANNED_CHANGE, BY_SIMILARITY, suppressed_up_to
from services.model import (
    Anomaly,
    AnomalyContent,
    AnomalyLine,
    DigestContent,
    RunContent,
    RunKind,
    RunState,
)
from services.rendering.blocks import crossing as crossing_words
from services.rendering.blocks import period_names
from services.rendering.explanations import driver_words
from services.rendering.hints import hint
from services.resolutions import is_for_admins
from services.wording import (
    cents,
    clock_time,
    day,
    day_range,
    money,
    moved,
    percent_of,
    plural,
    round_money,
    set_amount,
    threshold,
    weekday,
)

MOST_DIGEST = 10
MOST_FAILED = 5
May = Literal["everybody", "admin", "elsewhere", "member", "nobody"]
"""Who sees the card and what they may press: all in the conversation that was alerted; an admin
alone; all in another conversation; a member of a chat that was alerted; a viewer elsewhere."""
NOT_HERE = {
    "nobody": (
        "Members of the conversation that the alert went to can answer it there, and admins "
        "anywhere."
    ),
    "elsewhere": "The alert did not come here, so here only admins can answer it.",
}
MARKS = {
    "expected": "EXPECTED",
    "not_an_anomaly": "NOT AN ANOMALY",
    "too_small": "TOO SMALL",
    "snoozed": "SNOOZED",
    "accepted": "NEW NORMAL",
}
STATES = {
    "open": "open",
    "ended": "ended",
    "expected": "expected",
    "not_an_anomaly": "not an anomaly",
    "too_small": "too small",
    "snoozed": "snoozed",
    "accepted": "new normal",
}


def alert(news: AnomalyContent, may: May = "everybody") -> Element:
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
            note(NOT_HERE[may]) if may in NOT_HERE and news.anomaly.status != "ended" else None,
        ],
        _actions(news, may),
        speak=f"{_title(news)}: {money(_excess(news), news.anomaly.currency)}",
    )


def _title(news: AnomalyContent) -> str:
    anomaly = news.anomaly
    name = plain(news.team.team_name, 60) if news.team else "Account"
    return f"{name} {anomaly.account_id}: {plain(anomaly.service, 60)}"


def _state(news: AnomalyContent) -> Element:
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
    if answer.by_id == BY_PLANNED_CHANGE and anomaly.status == "expected":
        return box([text(bold("PLANNED"), f" until {until} by {by}{reason}{_actual(news)}")])
    mark = MARKS[anomaly.status]
    if answer.by_id == BY_SIMILARITY and answer.like is not None:
        said = f" until {until}, like that of {day(answer.like)}, as {by} said"
    elif answer.by_id == BY_MINIMUM and answer.floor is not None:
        said = f": below the floor of {money(answer.floor, anomaly.currency)} that {by} has set"
    else:
        said = {
            "expected": f" by {by}, {at}{reason}",
            "not_an_anomaly": f", says {by}, {at}{reason}",
            "too_small": f", says {by}, {at}{reason}",
            "snoozed": f" until {until} by {by}, or doubled",
            "accepted": f"{_level(anomaly)}, accepted by {by}, {at}",
        }[anomaly.status]
    effect = _effect(news)
    return box([text(bold(mark), said), *([note(effect)] if effect else [])])


def _level(anomaly: Anomaly) -> str:
    """What an accepted level is a day."""
    if anomaly.usage is None:
        return ""
    days = ((anomaly.end or anomaly.last or anomaly.start) - anomaly.start).days + 1
    return f" {round_money(anomaly.usage / days, anomaly.currency)} a day"


def _effect(news: AnomalyContent) -> str:
    """What an answer changes of what is told next, exactly."""
    anomaly, answer = news.anomaly, news.anomaly.answer
    if answer is None:
        return ""
    if anomaly.status == "too_small":
        return _floor_words(news)
    if anomaly.status == "snoozed":
        return "The alert comes back then, if it is still open."
    if anomaly.status == "accepted" and anomaly.kind != "threshold":
        return "This level is normal from now on. Only what goes beyond it raises an alert."
    if answer.until is None or answer.by_id == BY_SIMILARITY:
        return ""
    over = "more than in the month before" if anomaly.kind == "threshold" else "over expected"
    most = money(suppressed_up_to(anomaly), anomaly.currency)
    return (
        f"No more alerts of this one. Until {day(answer.until)} {answer.until.year} none of "
        f"{plain(anomaly.service, 60)} in this account either, up to {most} {over}."
    )


def _floor_words(news: AnomalyContent) -> str:
    """Whether the floor of the account is offered to be raised, or has been."""
    currency = news.anomaly.currency
    if (offer := news.offer) is not None:
        hidden = (
            "the last alert"
            if offer.hidden == offer.alerts == 1
            else f"{offer.hidden} of the last {plural(offer.alerts, 'alert')}"
        )
        return (
            f"Raise the floor from {set_amount(offer.current, currency)} to "
            f"{set_amount(offer.amount, currency)}? It would have hidden {hidden} of this account."
        )
    if (floor := news.floor) is not None:
        return (
            f"Floor of this account: {set_amount(floor.amount, currency)}, by "
            f"{plain(floor.by, 60)}, {clock_time(floor.at)}. Anomalies below it are only listed; "
            "one that grows past it raises an alert."
        )
    return "Only this one is quiet."


def _open_state(news: AnomalyContent) -> str:
    anomaly = news.anomaly
    if news.grown_from is not None:
        before = money(news.grown_from, anomaly.currency)
        return f"GROWN {before} > {money(_excess(news), anomaly.currency)}"
    if news.has_reopened:
        return "OPEN AGAIN"
    return "ABOVE THRESHOLD" if anomaly.kind == "threshold" else "NEW ANOMALY"


def _actual(news: AnomalyContent) -> str:
    """What usage has really done since the month before."""
    figures = news.figures
    if figures is None or not _has_month(news):
        return ""
    share = percent_of(figures.usage_current, figures.usage_previous)
    return f"; actual {share}" if share else ""


def _has_month(news: AnomalyContent) -> bool:
    """Whether the figures compare the month of a threshold anomaly."""
    figures = news.figures
    return (
        news.anomaly.kind == "threshold"
        and figures is not None
        and figures.window.current.first == news.anomaly.start
    )


def _excess(news: AnomalyContent) -> Decimal:
    """What the card prints: with the amounts beside it, their difference."""
    figures = news.figures
    if figures is None or not _has_month(news):
        return news.anomaly.excess
    return moved(figures.usage_current, figures.usage_previous)


def _amounts(news: AnomalyContent) -> list[Element]:
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


def _event(news: AnomalyContent) -> list[Element]:
    """What was spent and expected in the days of a detected event, and what drove it."""
    anomaly = news.anomaly
    last = anomaly.end or anomaly.last or anomaly.start
    lines = []
    if anomaly.usage is not None:
        spent = money(anomaly.usage, anomaly.currency)
        wanted = money(cents(anomaly.usage) - cents(anomaly.excess), anomaly.currency)
        lines.append(text(f"{spent}, expected {wanted}, {day_range(anomaly.start, last)}"))
    if drivers := driver_words(anomaly):
        lines.append(text(drivers))
    figures = news.figures
    if anomaly.status == "open" and figures is not None and figures.breach is not None:
        lines.append(crossing(crossing_words(figures, "the")))
    if words := hint(anomaly.service):
        lines.append(note(words))
    return lines


def _owner(news: AnomalyContent) -> Element:
    anomaly = news.anomaly
    owner = f"Owner {plain(news.team.team_email, 80)}" if news.team else "No team has this account"
    return note(f"{owner} · raised {clock_time(anomaly.raised_at)}")


def _actions(news: AnomalyContent, may: May) -> list[Element]:
    anomaly = news.anomaly
    explain = [execute("Explain", "explain", {"team": news.team.id})] if news.team else []
    if anomaly.status == "ended" or may == "nobody":
        return explain
    if anomaly.status != "open":
        reopen = [_answer("Reopen", anomaly, "open")]
        if may == "member":
            return [*([] if is_for_admins(anomaly) else reopen), *explain]
        # Three buttons with a long one would not fit a phone.
        others = reopen if news.offer else [*reopen, *explain]
        return [*_floor_actions(news, may), *others]
    week = _answer("Snooze 7 days", anomaly, "snoozed", days="7")
    expected = _answer("Expected", anomaly, "expected")
    not_one = _answer("Not an anomaly", anomaly, "not_an_anomaly")
    if may == "member":
        return [expected, week, *explain, not_one]
    mark = _mark(may)
    month = _answer("Snooze 30 days", anomaly, "snoozed", days="30")
    how_long = "For how long? 30 days: admins only." if mark else "For how long?"
    return [
        expected,
        show_card("Snooze", [text(how_long)], [week, month]),
        *explain,
        not_one,
        _answer(f"Too small{mark}", anomaly, "too_small"),
        _answer(f"Accept as new normal{mark}", anomaly, "accepted"),
    ]


def _mark(may: May) -> str:
    """Behind what only admins may press, on a card that others see too."""
    return "" if may == "admin" else " (admins)"


def _floor_actions(news: AnomalyContent, may: May) -> list[Element]:
    """The button that raises the floor, or the one that takes that back."""
    anomaly = news.anomaly
    if anomaly.status != "too_small":
        return []
    if (offer := news.offer) is not None:
        title = f"Raise floor to {set_amount(offer.amount, anomaly.currency)}{_mark(may)}"
        data = {"anomaly": anomaly.id, "value": f"{offer.amount:f}"}
        return [execute(title, "floor.raise", data)]
    if news.floor is None:
        return []
    data = {"anomaly": anomaly.id, "entry": news.floor.entry}
    return [execute(f"Undo floor{_mark(may)}", "floor.undo", data)]


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
            (day(one.anomaly.start), _state_words(one)),
        ]
        for one in lines
    ]
    return table(
        [("Team: driver", 5, False), ("Excess", 4, True), ("Since, state", 4, True)], rows
    )


def _state_words(line: AnomalyLine) -> str:
    mark = ", above threshold" if line.above_threshold else ""
    return f"{STATES[line.anomaly.status]}{mark}"


def _money(line: AnomalyLine) -> str:
    return money(line.anomaly.excess, line.anomaly.currency)


def digest(news: DigestContent) -> Element:
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


def _digest_head(news: DigestContent) -> list[Element]:
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


def run_trouble(news: RunContent) -> Element:
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
        why = f"{sentence(run.last_error)} " if run.last_error else ""
        words = text(f"{why}No mail has gone out for a while. It is tried again by itself.")
        return card([sample_notice(news.sample), heading(title), words], status)
    what, outcome = TROUBLES.get(run.kind, ("The reports", "were not sent"))
    reason = sentence(run.last_error or "No reason is known.")
    again = "It is tried again by itself." if run.state is RunState.OPEN else ""
    return card(
        [
            sample_notice(news.sample),
            heading(f"{what} of {run.period} {outcome}"),
            text(f"{reason} {again}".strip()),
        ],
        status,
    )
