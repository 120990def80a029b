"""The box at the top of an alert: new, answered by whom, and what the answer changes."""

from datetime import date, timedelta
from decimal import Decimal

from cards.elements import Element, bold, box, crossing, note, plain, text
from services.analysis.suppression import (
    BY_MINIMUM,
    BY_PLANNED_CHANGE,
    BY_SIMILARITY,
    suppressed_up_to,
)
from services.domain import Anomaly, AnomalyContent, Resolution
from services.domain.formatting import clock_time, day, money, plural, round_money, set_amount
from services.domain.service_names import service_name
from services.presentation import account_excess

MARKS = {
    "expected": "EXPECTED",
    "not_an_anomaly": "NOT AN ANOMALY",
    "too_small": "TOO SMALL",
    "snoozed": "SNOOZED",
    "accepted": "NEW NORMAL",
}


def alert_status(content: AnomalyContent, excess: Decimal, growth: str) -> Element:
    """Red while the anomaly is open. ``excess`` and ``growth`` are as printed on the card."""
    anomaly = content.anomaly
    amount = money(excess, anomaly.currency)
    if anomaly.status == "open":
        return box([crossing(_open_words(content, amount))], "attention")
    if anomaly.status == "ended":
        last = anomaly.end or anomaly.start
        if anomaly.kind == "threshold":
            return box([text(bold("ENDED"), f": {_threshold_end(last)}")])
        days = plural((last - anomaly.start).days + 1, "day")
        return box([text(bold("ENDED"), f" after {days}, {amount}")])
    if anomaly.answer is None:
        return box([text(MARKS[anomaly.status], weight="Bolder")])
    if anomaly.answer.by_id == BY_PLANNED_CHANGE and anomaly.status == "expected":
        return box([text(bold("PLANNED"), _planned_words(anomaly.answer, growth))])
    effect = _effect(content, anomaly.answer)
    words = text(bold(MARKS[anomaly.status]), _resolved_words(anomaly, anomaly.answer))
    return box([words, *([note(effect)] if effect else [])])


def _threshold_end(last: date) -> str:
    """Why a crossed threshold is over: the month is, or usage is below it again."""
    if (last + timedelta(days=1)).day == 1:
        return f"the comparison of {last:%B} is over"
    return f"no longer above the threshold as of {day(last)}"


def _open_words(content: AnomalyContent, amount: str) -> str:
    if content.grown_from is not None:
        before = money(content.grown_from, content.anomaly.currency)
        # Growth is followed for the account, and the amount on this card may be the driver's.
        if account_excess(content.anomaly):
            now = money(content.anomaly.excess, content.anomaly.currency)
            return f"GROWN, whole account from {before} to {now}"
        return f"GROWN from {before} to {amount}"
    if content.has_reopened:
        return "OPEN AGAIN"
    return "ABOVE THRESHOLD" if content.anomaly.kind == "threshold" else "NEW ANOMALY"


def _planned_words(answer: Resolution, growth: str) -> str:
    actual = f"; actual {growth}" if growth else ""
    return f" until {_until(answer)} by {plain(answer.by, 60)}{_reason(answer)}{actual}"


def _resolved_words(anomaly: Anomaly, answer: Resolution) -> str:
    by, until = plain(answer.by, 60), _until(answer)
    if answer.by_id == BY_SIMILARITY and answer.like is not None:
        like = f"{answer.like:%B}" if anomaly.kind == "threshold" else day(answer.like)
        return f" until {until}, based on {by}'s answer to the anomaly of {like}"
    if answer.by_id == BY_MINIMUM and answer.floor is not None:
        minimum = money(answer.floor, anomaly.currency)
        return f": below the alert minimum of {minimum} set by {by}"
    at, reason = clock_time(answer.at), _reason(answer)
    return {
        "expected": f", marked by {by}, {at}{reason}",
        "not_an_anomaly": f", marked by {by}, {at}{reason}",
        "too_small": f", marked by {by}, {at}{reason}",
        "snoozed": f" until {until} by {by}, or until it doubles",
        "accepted": f"{_daily_level(anomaly)}, accepted by {by}, {at}",
    }[anomaly.status]


def _until(answer: Resolution) -> str:
    return day(answer.until) if answer.until else ""


def _reason(answer: Resolution) -> str:
    return f": {plain(answer.reason, 300)}" if answer.reason else ""


def _daily_level(anomaly: Anomaly) -> str:
    """The driver's accepted level per day, if it is known."""
    actual = anomaly.driver.actual if anomaly.driver else None
    if actual is None:
        return ""
    days = ((anomaly.end or anomaly.last or anomaly.start) - anomaly.start).days + 1
    return f" {round_money(actual / days, anomaly.currency)} a day"


def _effect(content: AnomalyContent, answer: Resolution) -> str:
    """Which later alerts the answer changes, exactly."""
    anomaly = content.anomaly
    if anomaly.status == "too_small":
        return _alert_minimum_words(content)
    if anomaly.status == "snoozed":
        return "You'll be alerted again then if the anomaly is still open."
    if anomaly.status == "accepted" and anomaly.kind != "threshold":
        return "This level is now treated as normal. Only costs above it raise an alert."
    if answer.until is None or answer.by_id == BY_SIMILARITY:
        return ""
    above = "over the month before" if anomaly.kind == "threshold" else "over expected"
    if not anomaly.is_of_driver or account_excess(anomaly):
        above += " in the account"
    return (
        "You won't be alerted about this one again. "
        f"{service_name(anomaly.service, 60)} alerts for this account are muted until "
        f"{day(answer.until)} {answer.until.year}, up to "
        f"{money(suppressed_up_to(anomaly), anomaly.currency)} {above}."
    )


def _alert_minimum_words(content: AnomalyContent) -> str:
    """Offers to raise the account's alert minimum, or says that it has been raised."""
    currency = content.anomaly.currency
    if (offer := content.offer) is not None:
        alerts = (
            "the last alert"
            if offer.hidden == offer.alerts == 1
            else f"{offer.hidden} of the last {plural(offer.alerts, 'alert')}"
        )
        return (
            f"Raise the alert minimum from {set_amount(offer.current, currency)} to "
            f"{set_amount(offer.amount, currency)}? It would have hidden {alerts} for this account."
        )
    if (minimum := content.minimum) is not None:
        return (
            f"Alert minimum for this account: {set_amount(minimum.amount, currency)}, set by "
            f"{plain(minimum.by, 60)}, {clock_time(minimum.at)}. Anomalies below it are listed "
            "without an alert. One that grows past it raises an alert."
        )
    return "Only this one is muted."
