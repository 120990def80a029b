"""The card of one anomaly: what happened, how much it costs, and buttons to answer it."""

from decimal import Decimal

from cards.alert_buttons import Audience, alert_buttons
from cards.alert_status import alert_status
from cards.daily_costs import week_chart
from cards.elements import Element, bold, card, crossing, facts, heading, note, plain, text
from cards.notices import sample_notice
from services.domain import AccountFigures, AnomalyContent
from services.domain.formatting import (
    clock_time,
    day_range,
    money,
    moved,
    percent_of,
    threshold,
    weekday,
)
from services.domain.service_names import service_name
from services.presentation import account_words, actual_words, driver_words, hint, period_names
from services.presentation import crossing as crossing_words

READ_ONLY_NOTES = {
    "nobody": (
        "Members of a conversation that received this alert can answer it there. Admins can answer "
        "it anywhere."
    ),
    "elsewhere": "This alert was not posted here, so only admins can answer it here.",
}


def alert_card(content: AnomalyContent, audience: Audience = "everybody") -> Element:
    """What happened, with buttons to answer it, or with who answered."""
    figures = content.figures
    excess = alert_excess(content)
    read_only = READ_ONLY_NOTES.get(audience) if content.anomaly.status != "ended" else None
    return card(
        [
            sample_notice(content.sample),
            alert_status(content, excess, _actual_growth(content)),
            heading(_title(content)),
            *_amounts(content, excess),
            _owner(content),
            *_account_chart(figures),
            note(read_only) if read_only else None,
        ],
        alert_buttons(content, audience),
        summary=f"{_title(content)}: {money(excess, content.anomaly.currency)}",
    )


def anomaly_summary(content: AnomalyContent) -> list[Element]:
    """What happened, for a card about more than the anomaly."""
    return [text(bold(_title(content))), *_amounts(content, alert_excess(content))]


def alert_excess(content: AnomalyContent) -> Decimal:
    """The excess as printed: the driver's own, or the difference of the usage beside it."""
    figures = content.figures
    if figures is None or not _compares_its_month(content):
        return content.anomaly.amounts.excess
    return moved(figures.usage_current, figures.usage_previous)


def _compares_its_month(content: AnomalyContent) -> bool:
    """Whether the figures compare the month of a threshold anomaly."""
    figures = content.figures
    return (
        content.anomaly.kind == "threshold"
        and figures is not None
        and figures.comparable
        and figures.window.current.first == content.anomaly.start
    )


def _actual_growth(content: AnomalyContent) -> str:
    """How much usage has grown since the month before, in percent."""
    figures = content.figures
    if figures is None or not _compares_its_month(content):
        return ""
    return percent_of(figures.usage_current, figures.usage_previous)


def _title(content: AnomalyContent) -> str:
    anomaly = content.anomaly
    name = plain(content.team.team_name, 60) if content.team else "Account"
    return f"{name} {anomaly.account_id}: {service_name(anomaly.service, 60)}"


def _amounts(content: AnomalyContent, excess: Decimal) -> list[Element]:
    anomaly = content.anomaly
    amount = bold(money(excess, anomaly.currency))
    if anomaly.kind == "threshold":
        return _threshold_amounts(content, amount)
    since = f" more than expected since {weekday(anomaly.start)}"
    if not anomaly.is_of_driver:
        since += f" in the account; {service_name(anomaly.service, 60)} rose most"
    return [text(amount, since), *_event_amounts(content)]


def _threshold_amounts(content: AnomalyContent, amount: Element) -> list[Element]:
    """Usage of the month compared with the month before."""
    anomaly, figures = content.anomaly, content.figures
    if figures is None or not _compares_its_month(content):
        return [text(f"Usage in {anomaly.start:%B %Y}: ", amount, " above the month before")]
    now, before = period_names(figures.window)
    growth = _actual_growth(content)
    usage = money(figures.usage_current, figures.currency)
    previous_usage = money(figures.usage_previous, figures.currency)
    return [
        text("Usage ", amount, f" above {before}{f' ({growth})' if growth else ''}"),
        facts(
            [
                (now, f"{usage} usage"),
                (before, f"{previous_usage} usage"),
                ("Threshold", threshold(figures.threshold)),
                ("Largest rise", service_name(anomaly.service, 60)),
            ]
        ),
    ]


def _event_amounts(content: AnomalyContent) -> list[Element]:
    """What was spent and expected during a detected anomaly, and what drove it."""
    anomaly, figures = content.anomaly, content.figures
    last = anomaly.end or anomaly.last or anomaly.start
    lines = []
    if words := actual_words(anomaly.amounts, anomaly.currency):
        lines.append(text(f"{words}, {day_range(anomaly.start, last)}"))
    if words := account_words(anomaly):
        lines.append(text(words))
    if drivers := driver_words(anomaly):
        lines.append(text(drivers))
    if anomaly.status == "open" and figures is not None and figures.breach is not None:
        words = crossing_words(figures, "the")
        lines.append(crossing(f"Account {words[0].lower()}{words[1:]}"))
    if words := hint(anomaly.service):
        lines.append(note(words))
    return lines


def _account_chart(figures: AccountFigures | None) -> list[Element]:
    if figures is None or figures.week is None:
        return []
    return week_chart(figures.week, figures.currency, "Account cost")


def _owner(content: AnomalyContent) -> Element:
    team = content.team
    owner = f"Owner {plain(team.team_email, 80)}" if team else "No team owns this account"
    anomaly = content.anomaly
    verb = "found when the agent was installed," if anomaly.found_at_install else "raised"
    return note(f"{owner} · {verb} {clock_time(anomaly.raised_at)}")
