"""A service that is renamed raises nothing; what else changes is raised as ever."""

from array import array
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.analysis.detection.replay import Correction
from tests.unit.usage import DAYS, FIRST, Usage, add, scaled, told, usage

AT = 203
"""A Monday."""
DAY = FIRST + timedelta(days=AT)
SEEDS = range(1, 9)


def day(i: int) -> date:
    return FIRST + timedelta(days=i)


def rename(amounts: Usage, source: str, target: str, days: range) -> Usage:
    """What a service has on some days stands under another name."""
    row = amounts.setdefault(target, array("d", [0.0]) * len(amounts[source]))
    for i in days:
        row[i] += amounts[source][i]
        amounts[source][i] = 0.0
    return amounts


def renamed(seed: int, at: int = AT) -> Usage:
    return rename(usage(seed=seed), "EC2", "ec2", range(at, DAYS))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("at", [AT, AT + 2, AT + 4, AT + 5])
def test_a_renamed_service_raises_nothing_on_any_day(at: int, seed: int) -> None:
    amounts = renamed(seed, at)
    assert [event for i in (0, 1, 2, 3, 30) for event in told(amounts, last=day(at + i))] == []
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_all_services_renamed_on_one_day_raise_nothing(seed: int) -> None:
    amounts = usage(seed=seed)
    for name in list(amounts):
        rename(amounts, name, f"Amazon {name}", range(AT, DAYS))
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rise_of_another_service_on_that_day_is_raised_under_its_own_name(seed: int) -> None:
    (found,) = told(add(renamed(seed), "RDS", range(AT, AT + 10), 150.0))
    assert (found.driver, found.start, found.raised_on) == ("RDS", DAY, DAY)
    assert abs(found.excess - 1500) < 150
    assert {name for name, excess in found.services if excess > 100} == {"RDS"}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_new_name_has_the_past_of_the_old_one(seed: int) -> None:
    """So what rises a week later is raised with its own day and money."""
    begin = AT + 10
    (found,) = told(add(renamed(seed), "ec2", range(begin, begin + 6), 200.0))
    assert (found.driver, found.start, found.raised_on) == ("ec2", day(begin), day(begin))
    assert abs(found.excess - 1200) < 150


@pytest.mark.parametrize("seed", SEEDS)
def test_more_than_what_moved_is_raised(seed: int) -> None:
    """The new name has half as much again from its first day on."""
    amounts = renamed(seed)
    amounts["ec2"] = array("d", (1.5 * x for x in amounts["ec2"]))
    (found,) = told(amounts, last=day(AT + 10))
    assert found.raised_on == DAY
    assert found.start == DAY


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("days", [1, 2])
def test_a_move_of_less_than_three_days_is_raised_when_it_is_over(days: int, seed: int) -> None:
    amounts = rename(usage(seed=seed), "EC2", "ec2", range(AT, AT + days))
    money = sum(amounts["ec2"])

    assert told(amounts, last=day(AT + days - 1)) == []
    (found,) = told(amounts)

    assert (found.driver, found.start, found.end) == ("ec2", DAY, day(AT + days - 1))
    assert found.raised_on == day(AT + days)
    assert abs(float(found.excess) - money) < 0.05 * money


def test_a_fall_and_a_rise_of_different_days_are_raised_as_ever() -> None:
    amounts = usage()
    for i in range(AT, DAYS):
        amounts["EC2"][i] = 0.0
    later = add(amounts, "Bedrock", range(AT + 3, DAYS), 180.0)
    found = told(later, last=day(AT + 10))
    assert [(event.driver, event.start) for event in found] == [("Bedrock", day(AT + 3))]


def test_a_day_from_before_a_rename_that_is_restated_raises_nothing() -> None:
    amounts = renamed(1)
    before = AT - 4
    change = Correction(day(AT + 8), day(before), "EC2", amounts["EC2"][before] * 1.02)
    assert told(amounts, [change]) == []


def test_growth_of_all_services_after_a_rename_is_raised() -> None:
    amounts = scaled(renamed(2), range(AT + 20, DAYS), 1.7)
    (found, *_) = told(amounts, last=day(AT + 30))
    assert found.start == day(AT + 20)
    assert found.driver == "ec2"
    assert found.excess > Decimal(1000)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_part_that_moves_raises_nothing(seed: int) -> None:
    amounts = usage(noise=0.02, seed=seed)
    add(amounts, "RDS", range(AT, DAYS), 80.0)
    add(amounts, "EC2", range(AT, DAYS), -80.0)
    assert told(amounts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_moves_and_comes_back_raises_nothing(seed: int) -> None:
    assert told(rename(usage(seed=seed), "EC2", "ec2", range(AT, AT + 14))) == []
