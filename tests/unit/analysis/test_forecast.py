"""The month-end forecast: weekdays, charges to come, a range that keeps what it says."""

import math
import random
from array import array
from datetime import date, timedelta

import pytest

from services.analysis.forecast import month_end
from services.analysis.track_record import track_record
from services.domain import (
    Category,
    CostSeries,
    DaySpan,
    Forecast,
    Month,
    MonthForecast,
    TrackRecord,
)
from tests.bench.detection.worlds import World, make_world
from tests.bench.forecast.coverage import Score, score_habit
from tests.bench.forecast.habits import HABITS
from tests.makers import NAN
from tests.unit.usage import weekly

SPAN = DaySpan(date(2026, 5, 1), date(2026, 11, 20))
THROUGH = SPAN.last


def usage(level: float = 100.0, span: DaySpan = SPAN, service: str = "EC2") -> CostSeries:
    amounts = array("d", (level * weekly(day) for day in span))
    return CostSeries("1" * 12, service, Category.USAGE, amounts)


def charge(days: list[date], amount: float, category: Category = Category.FEE) -> CostSeries:
    amounts = array("d", (amount if day in days else NAN for day in SPAN))
    return CostSeries("1" * 12, "Plan", category, amounts)


def firsts_of(number: int, *months: int) -> list[date]:
    return [date(2026, month, number) for month in months]


def forecast(*series: CostSeries, through: date = THROUGH) -> Forecast:
    found = month_end(SPAN, series, through)
    assert found is not None
    return found


def test_weekdays_that_are_left_bring_what_weekdays_bring() -> None:
    exact = math.fsum(100 * weekly(day) for day in Month(2026, 11).span)
    assert float(forecast(usage()).amount) == pytest.approx(exact, abs=0.01)


def test_a_new_level_counts_half_after_a_week() -> None:
    higher = usage()
    for i in range(len(SPAN) - 7, len(SPAN)):
        higher.amounts[i] *= 2
    old, new = float(forecast(usage()).amount), float(forecast(higher).amount)
    rest = math.fsum(100 * weekly(THROUGH + timedelta(days=k)) for k in range(1, 11))
    week = math.fsum(100 * weekly(THROUGH - timedelta(days=k)) for k in range(7))
    assert new - old - week == pytest.approx(rest / 2, rel=0.15)


def test_a_charge_that_comes_each_month_is_expected_again() -> None:
    on_the_25th = charge(firsts_of(25, 5, 6, 7, 8, 9, 10), 300.0)
    with_it, without = forecast(usage(), on_the_25th), forecast(usage())
    assert float(with_it.amount - without.amount) == pytest.approx(300.0, abs=0.01)
    assert with_it.high - with_it.low > without.high - without.low


def test_a_charge_on_the_last_day_is_expected_whatever_its_number() -> None:
    ends = [Month(2026, n).span.last for n in range(5, 11)]
    more = forecast(usage(), charge(ends, 70.0)).amount - forecast(usage()).amount
    assert float(more) == pytest.approx(70.0, abs=0.01)


def test_a_charge_inside_usage_is_expected_again_and_does_not_raise_the_level() -> None:
    charged = usage()
    for day in firsts_of(27, 8, 9, 10):
        charged.amounts[SPAN.index(day)] += 500.0
    more = forecast(charged).amount - forecast(usage()).amount
    assert float(more) == pytest.approx(500.0, rel=0.05)


@pytest.mark.parametrize(
    ("days", "category"),
    [
        (firsts_of(25, 10), Category.FEE),
        (firsts_of(25, 9, 10), Category.REFUND),
        (firsts_of(10, 9, 10, 11), Category.FEE),
    ],
    ids=["came once", "a refund", "has come already"],
)
def test_what_does_not_come_each_month_is_not_expected(
    days: list[date], category: Category
) -> None:
    found = forecast(usage(), charge(days, 300.0, category)).amount
    so_far = 300.0 if days[-1].month == 11 else 0.0
    assert float(found - forecast(usage()).amount) == pytest.approx(so_far, abs=0.01)


def covered(world: World, day: int) -> tuple[int, int]:
    """Months of undisturbed accounts that came out in their range, of how many."""
    disturbed = {
        (label.account, Month.of(label.first + timedelta(days=k)))
        for label in world.labels
        for k in range((label.last - label.first).days + 29)
    }
    inside = number = 0
    by_account: dict[str, list[CostSeries]] = {}
    for one in world.table().series:
        by_account.setdefault(one.account_id, []).append(one)
    for account, series in by_account.items():
        for month in world.span.months()[5:-1]:
            if (account, month) in disturbed:
                continue
            found = month_end(world.span, series, month.span.first + timedelta(days=day - 1))
            if found is not None:
                i = world.span.index(month.span.first)
                parts = (one.amounts[i : i + len(month.span)] for one in series)
                actual = math.fsum(x for part in parts for x in part if not math.isnan(x))
                inside += float(found.low) <= actual <= float(found.high)
                number += 1
    return inside, number


@pytest.mark.parametrize("day", [8, 20])
def test_four_of_five_months_come_out_within_the_range(day: int) -> None:
    inside, number = covered(make_world(21, accounts=24), day)
    assert number > 60
    assert 0.7 <= inside / number <= 0.95


def test_the_record_tells_how_closed_months_came_out_as_forecast_then() -> None:
    record = track_record(SPAN, [usage()], THROUGH)
    assert [month.forecast.month for month in record.months] == [
        f"2026-{number:02}" for number in (10, 9, 8, 7, 6)
    ]
    assert record.inside == 5
    assert record.typical_error_percent is not None
    assert record.typical_error_percent < 1


def of_september(record: TrackRecord) -> MonthForecast:
    return next(month for month in record.months if month.forecast.month == "2026-09")


def test_a_month_that_ended_differently_is_recorded_as_it_ended() -> None:
    odd = usage()
    for i in range(SPAN.index(date(2026, 9, 22)), SPAN.index(date(2026, 9, 30)) + 1):
        odd.amounts[i] *= 4
    record = track_record(SPAN, [odd], THROUGH)
    september = of_september(record)
    assert not september.is_inside
    assert september.error_percent is not None
    assert september.error_percent < -30
    assert september.forecast == of_september(track_record(SPAN, [usage()], THROUGH)).forecast


def test_an_account_without_history_has_no_record() -> None:
    assert track_record(SPAN, [], THROUGH) == TrackRecord(())
    late = usage()
    for i in range(SPAN.index(date(2026, 10, 25))):
        late.amounts[i] = NAN
    assert track_record(SPAN, [late], THROUGH).months == ()
    assert TrackRecord(()).typical_error_percent is None


def usage_of(amounts: list[float], category: Category = Category.USAGE) -> CostSeries:
    return CostSeries("1" * 12, "EMR", category, array("d", amounts))


def month_of(amounts: list[float], through: date, *more: list[float]) -> Forecast | None:
    span = DaySpan(through - timedelta(days=len(amounts) - 1), through)
    rows = [usage_of(amounts)]
    rows += [usage_of(row, Category.CREDIT) for row in more]
    return month_end(span, rows, through)


def test_a_weekly_job_on_a_changing_weekday_is_expected_again() -> None:
    amounts = [1.0] * 70
    for week in range(10):
        amounts[week * 7 + week * 3 % 7] += 700
    found = month_of(amounts, date(2026, 11, 18))
    assert found is not None
    # Spent: 18 days of 1 and two jobs; to come: 12 days of a week of 707.
    spent, to_come = 18 + 2 * 700, 707 * 12 / 7
    assert float(found.amount) == pytest.approx(spent + to_come, abs=50)
    # One job more or two: the month ends between these.
    assert spent < found.low < spent + 12 + 700 + 1
    assert found.high > spent + 12 + 2 * 700


@pytest.mark.parametrize("idle", [0.0, 0.01])
def test_a_level_that_was_never_seen_before_has_no_honest_range(idle: float) -> None:
    assert month_of([idle] * 61 + [100.0] * 9, date(2026, 11, 18)) is None


def test_credits_that_have_ended_are_not_expected_again() -> None:
    through = date(2026, 11, 27)
    days, ended = 88, 27
    credits_ = [-45.0] * (days - ended) + [NAN] * ended
    found = month_of([45.0] * days, through, credits_)
    assert found is not None
    assert float(found.amount) == pytest.approx(30 * 45.0)
    assert float(found.low) >= 27 * 45.0


def test_credits_that_still_come_are_expected_for_the_rest_of_the_month() -> None:
    found = month_of([45.0] * 88, date(2026, 11, 27), [-30.0] * 88)
    assert found is not None
    assert float(found.amount) == pytest.approx(30 * 15.0)


def test_a_charge_that_has_not_come_this_month_is_not_expected_later_in_it() -> None:
    both = firsts_of(10, 8, 9, 10) + firsts_of(25, 8, 9, 10)
    found = forecast(usage(), charge(both, -300.0, Category.CREDIT))
    assert float(found.amount - forecast(usage()).amount) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("seed", range(1, 4))
def test_the_range_never_begins_below_what_is_spent(seed: int) -> None:
    rng = random.Random(seed)
    amounts = [rng.choice((0.0, 0.0, 1.0, 90.0 * rng.random())) for _ in range(400)]
    for back in range(40):
        through = date(2026, 11, 25) - timedelta(days=back)
        known = amounts[: len(amounts) - back]
        found = month_of(known, through)
        if found is not None:
            assert float(found.low) >= math.fsum(known[-through.day :]) - 0.005
            assert found.low <= found.amount <= found.high


def test_ranges_of_six_habits_hold_four_of_five_months() -> None:
    """The short form of the table in docs/detection.md: a few accounts and days of each habit."""
    everything = Score()
    for habit in HABITS:
        found = score_habit(habit, 21, number=6, days=(8, 20), months=2)
        assert found.without_range <= (0.35 if habit == "bursty" else 0.05), habit
        assert found.coverage >= 0.6, habit
        everything.merge(found)
    assert 0.75 <= everything.coverage <= 0.9
    assert everything.median_error <= 0.025
