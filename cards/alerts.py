"""The card of one anomaly: what happened, how much it costs, and buttons to answer it."""

from decimal import Decimal

from cards.alert_buttons import Audience, alert_buttons
from cards.alert_status import alert_status
from cards.daily_costs import week_chart
from cards.elements import Element, bold, card, crossing, facts, heading, note, plain, text
from cards.notices import sample_notice
from services.domain import AnomalyContent
from services.domain.formatting import (
    cents,
    clock_time,
    day_range,
    money,
    moved,
    percent_of,
    threshold,
    weekday,
)
from services.presentation.explanations import driver_words
from services.presentation.hints import hint
from services.presentation.phrases import crossing as crossing_words
from services.presentation.phrases import period_names

READ_ONLY_NOTES = {
    "nobody": (
        "Members of a conversation that received this alert can answer it there. Admins can answer "
        "it anywhere."
    ),
    "elsewhere": "This alert was not posted here, so only admins can answer it here.",
}


def alert_card(news: AnomalyContent, audience: Audience = "everybody") -> Element:
    """What happened and buttons to answer it, or who answered."""
    figures = news.figures
    excess = alert_excess(news)
    read_only = READ_ONLY_NOTES.get(audience) if news.anomaly.status != "ended" else None
    return card(
        [
            sample_notice(news.sample),
            alert_status(news, excess, _actual_growth(news)),
            heading(_title(news)),
            *_amounts(news, excess),
            _owner(news),
            *(week_chart(figures.week, figures.currency) if figures and figures.week else []),
            note(read_only) if read_only else None,
        ],
        alert_buttons(news, audience),
        summary=f"{_title(news)}: {money(excess, news.anomaly.currency)}",
    )


def alert_excess(news: AnomalyContent) -> Decimal:
    """The excess as printed: the difference of the amounts beside it, where there are any."""
    figures = news.figures
    if figures is None or not _compares_its_month(news):
        return news.anomaly.excess
    return moved(figures.usage_current, figures.usage_previous)


def _compares_its_month(news: AnomalyContent) -> bool:
    """Whether the figures compare the month of a threshold anomaly."""
    figures = news.figures
    return (
        news.anomaly.kind == "threshold"
        and figures is not None
        and figures.window.current.first == news.anomaly.start
    )


def _actual_growth(news: AnomalyContent) -> str:
    """How much usage has grown since the month before, in percent."""
    figures = news.figures
    if figures is None or not _compares_its_month(news):
        return ""
    return percent_of(figures.usage_current, figures.usage_previous)


def _title(news: AnomalyContent) -> str:
    anomaly = news.anomaly
    name = plain(news.team.team_name, 60) if news.team else "Account"
    return f"{name} {anomaly.account_id}: {plain(anomaly.service, 60)}"


def _amounts(news: AnomalyContent, excess: Decimal) -> list[Element]:
    anomaly = news.anomaly
    amount = bold(money(excess, anomaly.currency))
    if anomaly.kind == "threshold":
        return _threshold_amounts(news, amount)
    since = f" more than expected since {weekday(anomaly.start)}"
    return [text(amount, since), *_event_amounts(news)]


def _threshold_amounts(news: AnomalyContent, amount: Element) -> list[Element]:
    """Usage of the month compared with the month before."""
    anomaly, figures = news.anomaly, news.figures
    if figures is None or not _compares_its_month(news):
        return [text(f"Usage in {anomaly.start:%B %Y}: ", amount, " above the month before")]
    now, before = period_names(figures.window)
    growth = _actual_growth(news)
    usage = money(figures.usage_current, figures.currency)
    previous_usage = money(figures.usage_previous, figures.currency)
    return [
        text("Usage ", amount, f" above {before}{f' ({growth})' if growth else ''}"),
        facts(
            [
                (now, f"{usage} usage"),
                (before, f"{previous_usage} usage"),
                ("Threshold", threshold(figures.threshold)),
                ("Largest rise", plain(anomaly.service, 60)),
            ]
        ),
    ]


def _event_amounts(news: AnomalyContent) -> list[Element]:
    """What was spent and expected during a detected anomaly, and what drove it."""
    anomaly, figures = news.anomaly, news.figures
    last = anomaly.end or anomaly.last or anomaly.start
    lines = []
    if anomaly.usage is not None:
        spent = money(anomaly.usage, anomaly.currency)
        expected = money(cents(anomaly.usage) - cents(anomaly.excess), anomaly.currency)
        lines.append(text(f"{spent}, expected {expected}, {day_range(anomaly.start, last)}"))
    if drivers := driver_words(anomaly):
        lines.append(text(drivers))
    if anomaly.status == "open" and figures is not None and figures.breach is not None:
        lines.append(crossing(crossing_words(figures, "the")))
    if words := hint(anomaly.service):
        lines.append(note(words))
    return lines


def _owner(news: AnomalyContent) -> Element:
    team = news.team
    owner = f"Owner {plain(team.team_email, 80)}" if team else "No team owns this account"
    return note(f"{owner} · raised {clock_time(news.anomaly.raised_at)}")
