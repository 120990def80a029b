"""Which anomalies people are alerted about: suppression by earlier answers, and one alert per
cost.

An anomaly below its account's alert minimum, or similar to an earlier one that was answered, is
stored with that answer and nobody is alerted. It reopens as soon as the reason no longer holds: it
has grown, the last day has passed, or the answer was withdrawn.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from services.domain import AccountFigures, AlertMinimum, Anomaly, Resolution

BY_PLANNED_CHANGE, BY_MINIMUM, BY_SIMILARITY = "plan", "floor", "like"
"""Stored as ``by_id`` of answers that no person has given."""
AUTOMATIC = {BY_PLANNED_CHANGE, BY_MINIMUM, BY_SIMILARITY}
SUPPRESSION_DAYS = {"expected": 35, "not_an_anomaly": 90}
"""How long an answer suppresses similar anomalies; 35 days include the next month's charge."""
ACCEPTED_THRESHOLD_DAYS = 35
"""The same for an accepted threshold anomaly, until both compared months have the new level."""
ROUND_STEPS = tuple(
    Decimal(step) for step in ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8")
)
"""Round amounts, times any power of ten."""
ALERTS_COUNTED = 5
"""How many of the last alerts are counted when a higher alert minimum is offered."""
RAISED_AFTER_END_WINDOW = timedelta(days=7)
"""How long after it was raised an anomaly that had already ended is still alerted."""


def suppressed_until(anomaly: Anomaly, answer: str, today: date) -> date | None:
    """The last day on which this answer suppresses similar anomalies; None if it never does."""
    if answer in SUPPRESSION_DAYS:
        return today + timedelta(days=SUPPRESSION_DAYS[answer])
    if answer == "accepted" and anomaly.kind == "threshold":
        return today + timedelta(days=ACCEPTED_THRESHOLD_DAYS)
    return None


def suppressed_up_to(anomaly: Anomaly) -> Decimal:
    """The excess up to which an answered anomaly suppresses similar ones."""
    return max(anomaly.excess, anomaly.answer.excess if anomaly.answer else Decimal(0))


def resolved_by_similarity(
    anomaly: Anomaly, earlier: Iterable[Anomaly], now: datetime
) -> Anomaly | None:
    """The anomaly with the resolution of an earlier one that has the same driver and is not smaller.

    ``earlier``: what was raised before in its account, newest first. None when nothing applies.
    """
    for candidate in earlier:
        if candidate.id != anomaly.id and _is_similar(anomaly, candidate, now.date()):
            answer = candidate.answer
            if answer is None:
                raise AssertionError("a similar anomaly has an answer")
            adopted = Resolution(
                by=answer.by,
                by_id=BY_SIMILARITY,
                at=now,
                until=answer.until,
                excess=anomaly.excess,
                like=candidate.start,
            )
            return anomaly.model_copy(update={"status": candidate.status, "answer": adopted})
    return None


def _is_similar(anomaly: Anomaly, earlier: Anomaly, today: date) -> bool:
    answer = earlier.answer
    # Only a person's own answer counts: one that was adopted would extend itself forever.
    if answer is None or answer.by_id in AUTOMATIC or answer.until is None:
        return False
    is_suppressing = earlier.status in SUPPRESSION_DAYS or (
        earlier.status == "accepted" and earlier.kind == "threshold"
    )
    return (
        is_suppressing
        and today <= answer.until
        and earlier.service == anomaly.service
        and (earlier.kind == "threshold") == (anomaly.kind == "threshold")
        and anomaly.excess <= suppressed_up_to(earlier)
    )


def resolved_by_minimum(
    anomaly: Anomaly, minimum: AlertMinimum | None, now: datetime
) -> Anomaly | None:
    """The anomaly as too small; None when it is not below its account's alert minimum."""
    if minimum is None or anomaly.excess >= minimum.amount:
        return None
    answer = Resolution(
        by=minimum.by, by_id=BY_MINIMUM, at=now, excess=anomaly.excess, floor=minimum.amount
    )
    return anomaly.model_copy(update={"status": "too_small", "answer": answer})


def next_minimum(excess: Decimal, current: Decimal) -> Decimal | None:
    """The next round amount above an excess; None when the current minimum is above it."""
    if excess < current or excess <= 0:
        return None
    power = Decimal(10) ** excess.adjusted()
    steps = (*ROUND_STEPS, Decimal(10))
    return next(step * power for step in steps if step * power > excess)


def notified(anomalies: Sequence[Anomaly]) -> list[Anomaly]:
    """Keep the anomalies that people were alerted about: neither suppressed nor covered by another
    alert.
    """
    return [
        anomaly
        for anomaly in deduplicated(anomalies)
        if anomaly.answer is None or anomaly.answer.by_id not in AUTOMATIC
    ]


def raised_after_end(anomaly: Anomaly) -> bool:
    """Whether a detected event had ended when it was raised, and nothing suppresses it.

    That happens when costs arrive late or are restated. An event that was open when it was raised
    has been changed since, when it ended: so equal timestamps tell them apart.
    """
    return (
        anomaly.status == "ended"
        and anomaly.kind != "threshold"
        and anomaly.answer is None
        and anomaly.updated_at == anomaly.raised_at
    )


def ended_since_install(anomaly: Anomaly) -> bool:
    """Whether a detected event was found when the agent was installed, and is over by now.

    No report has said so far what it was.
    """
    return (
        anomaly.status == "ended"
        and anomaly.kind != "threshold"
        and anomaly.answer is None
        and anomaly.found_at_install
    )


def deduplicated(anomalies: Sequence[Anomaly]) -> list[Anomaly]:
    """Count the same money once: leave out thresholds that one of the detected events covers."""
    covered = {breach.id for _, breach in _covered(anomalies)}
    return [anomaly for anomaly in anomalies if anomaly.id not in covered]


def above_threshold(anomalies: Sequence[Anomaly]) -> set[str]:
    """The detected events, by ID, that cover a crossed threshold among these anomalies."""
    return {event.id for event, _ in _covered(anomalies)}


def is_above_threshold(event: Anomaly, figures: AccountFigures | None) -> bool:
    """Whether an anomaly is a detected event in the days whose usage crosses the threshold."""
    if figures is None or figures.breach is None or event.kind == "threshold":
        return False
    return _last_day(event) >= figures.window.current.first


def _covered(anomalies: Sequence[Anomaly]) -> Iterator[tuple[Anomaly, Anomaly]]:
    """Detected events with the crossed thresholds that they cover."""
    events: dict[str, list[Anomaly]] = defaultdict(list)
    for anomaly in anomalies:
        if anomaly.kind != "threshold":
            events[anomaly.account_id].append(anomaly)
    for anomaly in anomalies:
        if anomaly.kind == "threshold":
            yield from (
                (event, anomaly) for event in events[anomaly.account_id] if covers(event, anomaly)
            )


def covers(event: Anomaly, breach: Anomaly) -> bool:
    """Whether a detected event lies in the month of a crossed threshold, or later."""
    return event.account_id == breach.account_id and _last_day(event) >= breach.start


def _last_day(event: Anomaly) -> date:
    return event.end or event.last or event.start
