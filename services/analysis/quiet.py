"""What is kept without an alert, because of what people have said before.

An anomaly that lies below its account's floor, or is like an earlier one that was answered, is
stored with that answer and told to nobody. It is open again as soon as that does not hold any
more: it has grown, the day has come, or what was said has been taken back.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from services.model import AccountFigures, Anomaly, Answer, Floor

PLAN, FLOOR, LIKE = "plan", "floor", "like"
BY_ITSELF = {PLAN, FLOOR, LIKE}
"""Who answers, when it is no person but what persons have said before."""
QUIET_DAYS = {"expected": 35, "not_an_anomaly": 90}
"""For so long nothing is told of what is alike; 35 days hold the next month's charge."""
NORMAL_DAYS = 35
"""The same for a crossed threshold that is accepted, until the months compared have both got it."""
STEPS = tuple(Decimal(one) for one in ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8"))
"""Round amounts, times any power of ten."""
COUNTED = 5
"""So many of the last alerts are looked at when a floor is offered."""

LATE_DAYS = timedelta(days=7)
"""For so long after it was raised an anomaly that was over by then is told."""


def quiet_until(anomaly: Anomaly, answer: str, today: date) -> date | None:
    """The last day on which nothing is told of what is like an anomaly with this answer."""
    if answer in QUIET_DAYS:
        return today + timedelta(days=QUIET_DAYS[answer])
    if answer == "accepted" and anomaly.kind == "threshold":
        return today + timedelta(days=NORMAL_DAYS)
    return None


def quiet_up_to(anomaly: Anomaly) -> Decimal:
    """The excess up to which nothing is told of what is like an answered anomaly."""
    return max(anomaly.excess, anomaly.answer.excess if anomaly.answer else Decimal(0))


def like_before(found: Anomaly, known: Iterable[Anomaly], now: datetime) -> Anomaly | None:
    """The anomaly with the answer of an earlier one that it is like: the same driver, no larger.

    ``known``: what was raised before in its account, newest first.
    """
    for one in known:
        if one.id != found.id and _is_like(found, one, now.date()):
            answer = one.answer
            if answer is None:
                raise AssertionError("what is like it was answered")
            given = Answer(
                by=answer.by,
                by_id=LIKE,
                at=now,
                until=answer.until,
                excess=found.excess,
                like=one.start,
            )
            return found.model_copy(update={"status": one.status, "answer": given})
    return None


def _is_like(found: Anomaly, one: Anomaly, today: date) -> bool:
    answer = one.answer
    if answer is None or answer.by_id in BY_ITSELF or answer.until is None:
        return False
    said = one.status in QUIET_DAYS or (one.status == "accepted" and one.kind == "threshold")
    return (
        said
        and today <= answer.until
        and one.service == found.service
        and (one.kind == "threshold") == (found.kind == "threshold")
        and found.excess <= quiet_up_to(one)
    )


def under_floor(found: Anomaly, floor: Floor | None, now: datetime) -> Anomaly | None:
    """The anomaly as too small, when it lies below its account's floor."""
    if floor is None or found.excess >= floor.amount:
        return None
    given = Answer(by=floor.by, by_id=FLOOR, at=now, excess=found.excess, floor=floor.amount)
    return found.model_copy(update={"status": "too_small", "answer": given})


def floor_above(excess: Decimal, current: Decimal) -> Decimal | None:
    """The next round amount above an excess; None when what holds now is above it already."""
    if excess < current or excess <= 0:
        return None
    power = Decimal(10) ** excess.adjusted()
    return next(step * power for step in (*STEPS, Decimal(10)) if step * power > excess)


def told(anomalies: Sequence[Anomaly]) -> list[Anomaly]:
    """Those that people were told of: not what was quiet by itself, nor a crossed threshold that a
    detected event stands for.
    """
    return [one for one in listed(anomalies) if not (one.answer and one.answer.by_id in BY_ITSELF)]


def came_ended(anomaly: Anomaly) -> bool:
    """Whether a detected event was over already when it was raised, as its costs came late or
    were restated, and nothing said before keeps it quiet.

    One that was open when it was raised has been changed since, when it ended.
    """
    return (
        anomaly.status == "ended"
        and anomaly.kind != "threshold"
        and anomaly.answer is None
        and anomaly.updated_at == anomaly.raised_at
    )


def listed(anomalies: Sequence[Anomaly]) -> list[Anomaly]:
    """Each money once: without the crossed thresholds that a detected event among these anomalies
    stands for.
    """
    covered = {breach.id for _, breach in _covered(anomalies)}
    return [one for one in anomalies if one.id not in covered]


def above_threshold(anomalies: Sequence[Anomaly]) -> set[str]:
    """The detected events, by id, that stand for a crossed threshold among these anomalies."""
    return {event.id for event, _ in _covered(anomalies)}


def is_above(event: Anomaly, figures: AccountFigures | None) -> bool:
    """Whether an anomaly is a detected event in the days whose usage crosses the threshold."""
    if figures is None or figures.breach is None or event.kind == "threshold":
        return False
    return _last(event) >= figures.window.current.first


def _covered(anomalies: Sequence[Anomaly]) -> Iterator[tuple[Anomaly, Anomaly]]:
    """Detected events with the crossed thresholds that they stand for."""
    events: dict[str, list[Anomaly]] = defaultdict(list)
    for one in anomalies:
        if one.kind != "threshold":
            events[one.account_id].append(one)
    for one in anomalies:
        if one.kind == "threshold":
            yield from ((event, one) for event in events[one.account_id] if covers(event, one))


def covers(event: Anomaly, breach: Anomaly) -> bool:
    """Whether a detected event lies in the month of a crossed threshold, or later."""
    return event.account_id == breach.account_id and _last(event) >= breach.start


def _last(event: Anomaly) -> date:
    return event.end or event.last or event.start
