"""A move: a fall and a rise of one day, equal, lasting, with their sum as usual. Nothing else is."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.detection.moves import current_names, find_moves
from services.analysis.figures import account_figures
from services.analysis.totals import Totals
from services.domain import AccountFigures, CostSeries, DaySpan, ServiceMove, TeamReport
from services.presentation import team_view
from tests.makers import NOW, series, team

SPAN = DaySpan(date(2026, 9, 1), date(2026, 11, 20))
DAYS, AT = len(SPAN), 65
DAY = SPAN.first + timedelta(days=AT)
"""5 November."""
Amounts = list[float]


def level(money: float, *, weekend: float = 1.0, noise: float = 0.02, seed: int = 1) -> Amounts:
    chance = random.Random(seed)
    return [
        money * (weekend if day.weekday() > 4 else 1.0) * chance.uniform(1 - noise, 1 + noise)
        for day in SPAN
    ]


def moved(amounts: Amounts, at: int = AT, share: float = 1.0) -> tuple[Amounts, Amounts]:
    """What remains under the old name, and what stands under the new one."""
    gone = [x * share if i >= at else 0.0 for i, x in enumerate(amounts)]
    return [x - y for x, y in zip(amounts, gone, strict=True)], gone


def found(**rows: Amounts) -> list[tuple[str, str, date]]:
    return [(move.source, move.target, move.first) for move in find_moves(SPAN, rows)]


@given(
    money=st.floats(60, 50_000),
    weekend=st.sampled_from([1.0, 0.6, 0.2]),
    share=st.sampled_from([1.0, 0.9, 0.6]),
    at=st.integers(21, DAYS - 5),
    seed=st.integers(0, 10**6),
)
def test_what_goes_from_one_name_to_another_is_found_on_its_day(
    money: float, weekend: float, share: float, at: int, seed: int
) -> None:
    """From a Monday to a Thursday: on a weekend with hardly any usage nothing is to be seen."""
    at -= max((SPAN.first + timedelta(days=at)).weekday() - 3, 0)
    old, new = moved(level(money, weekend=weekend, noise=0.01, seed=seed), at, share)
    day = SPAN.first + timedelta(days=at)
    others = {"S3": level(money * 3, seed=seed + 1), "SQS": level(20, seed=seed + 2)}
    assert found(AmazonEC2=old, ec2=new, **others) == [("AmazonEC2", "ec2", day)]


@given(
    money=st.floats(40, 5000),
    factors=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)),
    apart=st.integers(-12, 12),
    seed=st.integers(0, 10**6),
)
def test_changes_of_other_days_or_of_another_size_are_no_move(
    money: float, factors: tuple[float, float], apart: int, seed: int
) -> None:
    fall, rise = (money * factor for factor in factors)
    old = [x if i < AT else 0.0 for i, x in enumerate(level(fall, seed=seed))]
    new = [x if i >= AT + apart else 0.0 for i, x in enumerate(level(rise, seed=seed + 1))]
    is_equal = abs(fall - rise) <= 0.12 * max(fall, rise)
    if apart or not is_equal:
        assert found(old=old, new=new) == []


@pytest.mark.parametrize(
    ("money", "expected"), [(24.0, []), (26.0, [("old", "new", DAY)])], ids=["below $25", "above"]
)
def test_it_must_be_25_a_day(money: float, expected: list[tuple[str, str, date]]) -> None:
    old, new = moved([money] * DAYS)
    assert found(old=old, new=new) == expected


@pytest.mark.parametrize(
    ("rise", "is_move"), [(96.0, True), (104.0, True), (94.0, False), (106.0, False)]
)
def test_both_are_equal_within_a_twentieth(rise: float, is_move: bool) -> None:
    old, new = moved([100.0] * DAYS)
    new = [rise if x else 0.0 for x in new]
    assert bool(found(old=old, new=new)) == is_move


@pytest.mark.parametrize(("days", "is_move"), [(1, False), (2, False), (3, True), (9, True)])
def test_it_lasts_at_least_three_days(days: int, is_move: bool) -> None:
    back = range(AT, AT + days)
    old = [0.0 if i in back else 100.0 for i in range(DAYS)]
    new = [100.0 if i in back else 0.0 for i in range(DAYS)]
    moves = find_moves(SPAN, {"old": old, "new": new})
    assert bool([move for move in moves if move.source == "old"]) == is_move
    if is_move:
        assert moves[0].last == DAY + timedelta(days=days - 1)


def test_ordinary_noise_of_large_services_is_no_move() -> None:
    """Each of these rises by $25 or falls by as much on most days."""
    rows = {f"s{i}": level(3000, noise=0.06, seed=i) for i in range(12)}
    assert found(**rows) == []


def test_weekends_are_no_moves() -> None:
    """Jobs of the weekend begin as the work of the week ends."""
    week = level(500, weekend=0.0)
    weekend = [0.0 if day.weekday() < 5 else 500.0 for day in SPAN]
    assert found(week=week, weekend=weekend) == []


def move(source: str, target: str, **more: bool) -> ServiceMove:
    return ServiceMove(source=source, target=target, first=DAY, amount=Decimal(100), **more)


def test_the_costs_of_a_move_have_the_name_that_they_have_now() -> None:
    assert current_names([move("a", "b"), move("b", "c")]) == dict.fromkeys("abc", "c")
    assert current_names([move("a", "b"), move("b", "a")]) == dict.fromkeys("ab", "a")
    assert current_names([move("a", "b", is_whole=False)]) == dict.fromkeys("ab", "a and b")
    assert current_names([move("a", "b"), move("x", "y")]) == {
        **dict.fromkeys("ab", "b"),
        **dict.fromkeys("xy", "y"),
    }


# Reports


def figures(*costs: CostSeries) -> AccountFigures:
    return account_figures(SPAN, costs, "USD", SPAN.last, 20.0, 25.0)


def renamed(*more: CostSeries) -> AccountFigures:
    """$100 a day, from 5 November on under another name."""
    old, new = moved([100.0] * DAYS)
    return figures(series(old, service="AmazonEC2"), series(new, service="ec2"), *more)


def report(found: AccountFigures) -> TeamReport:
    return TeamReport(
        team=team(1, team_name="Checkout"),
        figures=found,
        expected_through=SPAN.last,
        source_title="Datadog",
        period="2026-W48",
        made_at=NOW,
    )


def test_a_renamed_service_is_named_and_is_no_increase() -> None:
    view = team_view(report(renamed()), app_id=None)
    assert view.subject == "Checkout: $2,000 for 1–20 Nov, no unusual changes"
    assert view.why == [
        "On 5 Nov $100 a day moved from EC2 (AmazonEC2) to EC2 (ec2), total unchanged."
    ]
    (row,) = view.rows
    assert (row.name, row.change, row.current, row.previous) == (
        "EC2",
        "no change",
        "$2,000.00",
        "$2,000.00",
    )


def test_what_rose_beside_a_renamed_service_is_the_driver() -> None:
    """ec2 has $1,600 more than before, and S3, which is the cause, $800."""
    s3 = [10.0 if day < date(2026, 11, 1) else 50.0 for day in SPAN]
    found = renamed(series(s3, service="S3"))
    view = team_view(report(found), app_id=None)

    assert found.breach is not None
    assert found.breach.service == "S3"
    assert view.title == "Costs up $800, mostly S3"
    assert view.why[0] == "S3 accounts for 100% of the increase."
    assert [(row.name, row.change) for row in view.rows] == [
        ("S3", "+$800.00"),
        ("EC2", "no change"),
    ]


def test_the_admins_learn_of_a_rename_in_all_accounts_once() -> None:
    totals = Totals()
    for _ in range(12):
        totals.add(renamed())
    (move,) = totals.moves
    assert (move.source, move.target, move.accounts) == ("AmazonEC2", "ec2", 12)
    assert move.amount == Decimal(1200)
    (line,) = totals.explanation.lines
    assert (line.name, line.change) == ("ec2", Decimal(0))


def test_the_services_of_a_move_still_add_up_to_the_total() -> None:
    found = renamed()
    assert {entry.name: (int(entry.previous), int(entry.current)) for entry in found.services} == {
        "AmazonEC2": (2000, 400),
        "ec2": (0, 1600),
    }
