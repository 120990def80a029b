"""A short piece of the benchmark (docs/detection.md), and of the protocol that judges it."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from services.analysis.detection.rules import Rules
from services.domain import DaySpan
from tests.bench.detection import ours
from tests.bench.detection.fourth_worlds import make_fourth_world
from tests.bench.detection.other_worlds import make_other_world
from tests.bench.detection.protocol import Alert, Score, interval, score
from tests.bench.detection.third_worlds import make_third_world
from tests.bench.detection.worlds import SCORED_FROM, Label, World, make_world
from tests.unit.usage import usage

FIRST = date(2026, 1, 5)
BEGIN = FIRST + timedelta(days=SCORED_FROM + 10)


@pytest.mark.parametrize(
    "make",
    [make_world, make_other_world, make_third_world, make_fourth_world],
    ids=["first", "second", "third", "fourth"],
)
def test_detection_keeps_its_gates(make: Callable[[int, int], World]) -> None:
    total = Score()
    for seed in (301, 302):
        world = make(seed, 42)
        total.add(score(world, ours.alerts(world, Rules())))
    assert total.false_rate <= 0.05
    assert total.f1 >= 0.8
    assert total.dollar_recall >= 0.9
    assert total.kind_recall("drift") >= 0.65
    assert total.driver_rate >= 0.9
    assert total.repeat_rate <= 0.05


def test_a_seed_is_always_the_same_world() -> None:
    for make in (make_world, make_other_world, make_third_world, make_fourth_world):
        once, again = make(5, 3), make(5, 3)
        assert once.labels == again.labels
        assert [list(map(repr, once.totals(a))) for a in once.usage] == [
            list(map(repr, again.totals(a))) for a in again.usage
        ]


def world_with(*labels: Label) -> World:
    span = DaySpan(FIRST, FIRST + timedelta(days=329))
    return World(span, {"a": usage(), "b": usage()}, labels=list(labels))


def label(account: str = "a", days: int = 5, dollars: float = 900.0) -> Label:
    return Label(account, "EC2", "burst", BEGIN, BEGIN + timedelta(days=days - 1), dollars)


def alert(after: int, account: str = "a", service: str = "EC2") -> Alert:
    day = BEGIN + timedelta(days=after)
    return Alert(account, day, day, day, service)


@pytest.mark.parametrize(("after", "true"), [(-1, 0), (0, 1), (4, 1), (5, 1), (6, 0)])
def test_an_alert_is_right_from_the_first_day_until_a_day_after_the_last(
    after: int, true: int
) -> None:
    found = score(world_with(label()), [alert(after)])
    assert (found.true, found.false, found.found) == (true, 1 - true, true)


def test_an_alert_of_another_account_and_of_a_quiet_time_is_wrong() -> None:
    found = score(world_with(label()), [alert(0, account="b"), alert(60)])
    assert (found.true, found.false, found.recall) == (0, 2, 0.0)
    assert found.false_rate == pytest.approx(2 / (2 * 170 / 30.4375))


def test_an_alert_about_small_money_counts_neither_way() -> None:
    found = score(world_with(label(dollars=49.0)), [alert(0)])
    assert (found.true, found.false, found.events) == (0, 0, 0)


def test_days_to_notify_are_those_until_the_costs_were_complete() -> None:
    found = score(world_with(label()), [alert(2), alert(1)])
    assert (found.days_to_notify, found.true, found.found) == (4.0, 2, 1)
    assert found.repeat_rate == 1.0
    assert found.driver_rate == 1.0


def test_dollar_recall_weighs_by_money() -> None:
    labels = [label(dollars=900.0), label(account="b", dollars=100.0)]
    found = score(world_with(*labels), [alert(0)])
    assert (found.recall, found.dollar_recall, found.precision) == (0.5, 0.9, 1.0)


def test_an_interval_over_seeds_is_students() -> None:
    mean, half = interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert half == pytest.approx(4.30 / 3**0.5)
