"""What is no anomaly raises nothing: each nuisance by itself, on several accounts."""

import calendar
import math
from array import array
from datetime import date, timedelta
from itertools import pairwise

import pytest

from services.analysis.detection.groups import grouped
from services.analysis.detection.replay import Correction, replay
from tests.unit.usage import (
    DAYS,
    FIRST,
    RULES,
    SHARES,
    Usage,
    add,
    history,
    index,
    scaled,
    told,
    usage,
    weekly,
)

SEEDS = (1, 2, 3)
DATES = [FIRST + timedelta(days=i) for i in range(DAYS)]


def days_of(*numbers: int) -> list[int]:
    """Every month's days with these numbers; 0 is the last, −1 the one before."""
    found = []
    for i, day in enumerate(DATES):
        length = calendar.monthrange(day.year, day.month)[1]
        if day.day in numbers or day.day - length in [n for n in numbers if n <= 0]:
            found.append(i)
    return found


def last_business_days() -> list[int]:
    working = [i for i, day in enumerate(DATES) if day.weekday() < 5]
    return [i for i, after in pairwise(working) if DATES[i].month != DATES[after].month]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weekend", [1.0, 0.7, 0.3, 0.05, 0.0, 1.6])
def test_weekends_of_any_strength_raise_nothing(weekend: float, seed: int) -> None:
    amounts = usage(shape=lambda day: weekend if day.weekday() >= 5 else 1.0, seed=seed)
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_one_heavy_weekday_raises_nothing(seed: int) -> None:
    assert told(usage(shape=lambda day: 5.0 if day.weekday() == 2 else 1.0, seed=seed)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fee_by_the_length_of_the_month_raises_nothing(seed: int) -> None:
    amounts = usage(shape=lambda day: 30 / calendar.monthrange(day.year, day.month)[1], seed=seed)
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "days",
    [days_of(1), days_of(17), days_of(31), days_of(0), days_of(0, -1, -2), last_business_days()],
    ids=["first", "17th", "31st", "last", "last three", "last business day"],
)
def test_monthly_charges_inside_usage_raise_nothing(days: list[int], seed: int) -> None:
    amounts = add(usage(seed=seed), "Marketplace", days, 900.0)
    assert told(amounts) == []
    assert told(add(usage(seed=seed), "EC2", days, 900.0)) == []


def test_a_monthly_charge_that_grows_slowly_or_wanders_by_a_day_raises_nothing() -> None:
    amounts = usage()
    for n, i in enumerate(days_of(5)):
        add(amounts, "Marketplace", [i + (n % 2)], 600.0 * 1.08**n)
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_days_of_credits_and_refunds_inside_usage_raise_nothing(seed: int) -> None:
    amounts = add(usage(seed=seed), "Refund", [*days_of(1), 200, 203], -300.0)
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restated_day_raises_nothing(seed: int) -> None:
    amounts = usage(seed=seed)
    corrections = []
    for i in range(150, DAYS - 20, 9):
        for share, wait in ((1.04, 4), (0.97, 12)):
            corrections.append(
                Correction(
                    DATES[i] + timedelta(days=3 + wait), DATES[i], "EC2", amounts["EC2"][i] * share
                )
            )
    assert told(amounts, corrections) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_missing_day_that_comes_later_raises_nothing(seed: int) -> None:
    final, corrections = usage(seed=seed), []
    seen = {service: array("d", row) for service, row in final.items()}
    for i in range(150, DAYS - 20, 17):
        for service in SHARES:
            seen[service][i] = math.nan
            known = DATES[i] + timedelta(days=5)
            corrections.append(Correction(known, DATES[i], service, final[service][i]))
    assert told(seen) == []
    assert told(seen, corrections) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_partial_day_that_is_completed_later_raises_nothing(share: float, seed: int) -> None:
    final, corrections = usage(seed=seed), []
    seen = {service: array("d", row) for service, row in final.items()}
    for i in range(150, DAYS - 20, 13):
        for service in SHARES:
            seen[service][i] *= share
            known = DATES[i] + timedelta(days=4)
            corrections.append(Correction(known, DATES[i], service, final[service][i]))
    assert told(seen, corrections) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ramp", [0, 20])
def test_a_new_account_raises_nothing(ramp: int, seed: int) -> None:
    amounts = usage(seed=seed)
    for row in amounts.values():
        for i in range(120):
            row[i] = math.nan
        for i in range(120, 120 + ramp):
            row[i] *= (i - 119) / ramp
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rest", [math.nan, 0.0])
def test_a_closed_account_raises_nothing_also_when_it_returns(rest: float, seed: int) -> None:
    amounts = usage(seed=seed)
    for row in amounts.values():
        for i in range(150, 230):
            row[i] = rest
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_days_of_23_and_25_hours_raise_nothing(seed: int) -> None:
    amounts = usage(seed=seed, shape=lambda _: 1.0, noise=0.01)
    scaled(amounts, [index(date(2026, 3, 29))], 23 / 24)
    scaled(amounts, [index(date(2026, 10, 25))], 25 / 24)
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_steady_growth_and_small_deployments_raise_nothing(seed: int) -> None:
    amounts = usage(seed=seed, shape=lambda day: weekly(day) * 1.05 ** (index(day) / 30.4))
    for i in range(100, DAYS):
        amounts["RDS"][i] *= 1.25 if i > 160 else 1.0
        amounts["S3"][i] *= 0.6 if i > 230 else 1.0
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_suppression_holidays_and_the_return_to_work_raise_nothing(seed: int) -> None:
    amounts = scaled(usage(seed=seed), range(200, 214), 0.5)
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seldom_used_service_raises_nothing_once_it_is_known(seed: int) -> None:
    amounts = add(usage(seed=seed), "Athena", range(5, DAYS, 11), 60.0)
    assert told(amounts) == []


def price_change(factor: float, begin: int, accounts: int = 30) -> list[Usage]:
    found = []
    for seed in range(accounts):
        amounts = usage(level=150.0 + 40 * seed, seed=seed)
        for i in range(begin, DAYS):
            amounts["EC2"][i] *= factor
        found.append(amounts)
    return found


def test_a_small_price_change_in_all_accounts_raises_nothing() -> None:
    for amounts in price_change(1.1, 200):
        assert told(amounts) == []


def test_a_large_price_change_in_all_accounts_is_one_grouped_alert() -> None:
    events = []
    for number, amounts in enumerate(price_change(1.8, 200)):
        found = history(amounts, account=f"{number:012d}")
        events += replay(found, RULES, found.span.last)

    groups = grouped(events, accounts=30)

    assert len(groups) == 1
    assert groups[0].driver == "EC2"
    assert len(groups[0].events) == len(events) == 30
    assert abs((groups[0].start - DATES[200]).days) <= 1
