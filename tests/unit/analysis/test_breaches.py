"""The threshold rule replayed: month by month, as amounts were known on each day."""

import math
from array import array
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.breaches import MonthBreach, ThresholdRule, breaches
from services.analysis.detection.replay import Correction, History
from services.domain import DaySpan

SPAN = DaySpan(date(2026, 8, 1), date(2026, 11, 20))
ACCOUNT = "012345678901"
RULE = ThresholdRule(20.0, 25.0)


def history(*changes: tuple[str, date, float], corrections: Sequence[Correction] = ()) -> History:
    """Ten a day of EC2 and of S3; from a day on, another amount of a service."""
    usage = {service: array("d", [10.0]) * len(SPAN) for service in ("EC2", "S3")}
    for service, begin, amount in changes:
        for i in range(SPAN.index(begin), len(SPAN)):
            usage[service][i] = amount
    return History(ACCOUNT, SPAN, usage, list(corrections))


def marked(
    found: History, rule: ThresholdRule = RULE, last: date = SPAN.last
) -> list[MonthBreach]:
    return breaches(found, DaySpan(date(2026, 9, 1), last), rule)


def test_a_month_is_marked_once_from_the_first_day_on_which_usage_had_grown_enough() -> None:
    (found,) = marked(history(("EC2", date(2026, 11, 1), 25.0)))
    assert found == MonthBreach(
        account_id=ACCOUNT,
        start=date(2026, 11, 1),
        end=None,
        raised_on=date(2026, 11, 7),
        service="EC2",
        excess=Decimal("300.00"),
    )


def test_a_month_that_falls_below_again_has_ended_and_a_new_month_is_another_breach() -> None:
    early = history(("EC2", date(2026, 10, 1), 30.0), ("EC2", date(2026, 10, 6), 10.0))
    (october,) = marked(early)
    assert (october.raised_on, october.end) == (date(2026, 10, 7), date(2026, 10, 24))
    assert october.excess == Decimal("100.00")

    growing = history(("S3", date(2026, 10, 1), 20.0), ("S3", date(2026, 11, 1), 40.0))
    assert [(one.start.month, one.service, one.end is None) for one in marked(growing)] == [
        (10, "S3", False),
        (11, "S3", True),
    ]


def test_the_percentage_and_the_money_must_both_be_exceeded() -> None:
    rising = history(("EC2", date(2026, 11, 1), 14.0))
    assert marked(rising) == []
    assert len(marked(rising, ThresholdRule(19.9, 25.0))) == 1
    assert marked(rising, ThresholdRule(19.9, 81.0)) == []


def test_the_excess_is_the_difference_of_the_printed_amounts() -> None:
    """20 × $1.20025 = 24.005 prints as 24.01; 20 × $0.10005 = 2.001 as 2.00."""
    usage = array("d", [0.10005] * SPAN.index(date(2026, 11, 1)))
    usage.extend([1.20025] * (len(SPAN) - len(usage)))
    (found,) = marked(History(ACCOUNT, SPAN, {"EC2": usage}), ThresholdRule(20.0, 10.0))
    assert found.excess == Decimal("22.01")


def test_a_correction_counts_from_the_day_on_which_it_was_known() -> None:
    late = [
        Correction(date(2026, 11, 15), date(2026, 11, 1) + timedelta(days=i), "EC2", 60.0)
        for i in range(6)
    ]
    (found,) = marked(history(corrections=late))
    assert found.raised_on == date(2026, 11, 12)
    assert marked(history(corrections=late), last=date(2026, 11, 11)) == []


def test_months_before_the_history_and_days_without_data_mark_nothing() -> None:
    assert [
        breache.start.month for breache in breaches(history(), SPAN, ThresholdRule(5.0, 0.0))
    ] == []
    empty = History(ACCOUNT, SPAN, {"EC2": array("d", [math.nan]) * len(SPAN)})
    assert marked(empty) == []
