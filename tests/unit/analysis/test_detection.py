"""Detection finds what is wrong, says since when and by how much, and never looks ahead."""

import math
from array import array
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.analysis.detection import replay as replaying
from services.analysis.detection.baseline import large_days
from services.analysis.detection.detector import AccountDetector
from services.analysis.detection.event import ACCOUNT, Event
from services.analysis.detection.groups import STARTS_WITHIN, grouped
from services.analysis.detection.replay import Correction, Detected, History, replay
from services.analysis.detection.rules import LEARNING_DAYS, Rules
from services.domain import Category, CostChange, CostSeries, CostTable, DaySpan
from tests.bench.detection.ours import histories
from tests.bench.detection.worlds import make_world
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
)

AT = 200
DAY = FIRST + timedelta(days=AT)
SEEDS = (1, 2, 3, 4)


def day(i: int) -> date:
    return FIRST + timedelta(days=i)


def near(amount: Decimal, wanted: float, share: float = 0.1) -> bool:
    return abs(float(amount) - wanted) <= share * wanted


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_spike_is_raised_on_its_first_day_with_its_service_and_money(
    days: int, seed: int
) -> None:
    (found,) = told(add(usage(seed=seed), "RDS", range(AT, AT + days), 300.0))

    assert (found.kind, found.driver, found.start, found.raised_on) == ("spike", "RDS", DAY, DAY)
    assert found.end == day(AT + days - 1)
    assert near(found.excess, 300.0 * days)
    assert found.services[0][0] == "RDS"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shift_stays_open_while_it_lasts_and_ends_with_it(seed: int) -> None:
    amounts = add(usage(seed=seed), "EC2", range(AT, AT + 20), 150.0)

    (during,) = told(amounts, last=day(AT + 15))
    (after,) = told(amounts)

    assert (during.kind, during.end, during.start) == ("shift", None, DAY)
    assert near(during.excess, 150.0 * 16)
    assert (after.start, after.end, after.raised_on) == (DAY, day(AT + 19), during.raised_on)
    assert near(after.excess, 150.0 * 20)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_slow_drift_is_raised_before_it_has_doubled_the_service(seed: int) -> None:
    amounts = usage(seed=seed)
    for k in range(35):
        add(amounts, "EC2", [AT + k], 6.0 * (k + 1))

    (found,) = told(amounts, last=day(AT + 40))

    assert found.kind == "drift"
    assert found.driver == "EC2"
    assert (found.raised_on - DAY).days <= 21
    assert abs((found.start - DAY).days) <= 12
    assert near(found.excess, sum(6.0 * (k + 1) for k in range(35)), 0.2)


def test_a_new_service_is_raised_at_once() -> None:
    (found,) = told(add(usage(), "Bedrock", range(AT, AT + 10), 90.0))
    assert (found.driver, found.raised_on, found.kind) == ("Bedrock", DAY, "shift")
    assert near(found.excess, 900.0)


def test_a_service_that_grows_while_another_shrinks_is_raised_though_the_account_is_level() -> (
    None
):
    amounts = usage(noise=0.02)
    add(amounts, "RDS", range(AT, AT + 14), 80.0)
    add(amounts, "EC2", range(AT, AT + 14), -60.0)  # by as much it would be a move
    (found,) = told(amounts)
    assert found.driver == "RDS"
    assert near(found.excess, 80.0 * 14)


def test_a_spike_on_a_day_of_a_known_charge_is_raised_and_the_charge_is_not_counted() -> None:
    firsts = [i for i in range(DAYS) if day(i).day == 1]
    amounts = add(usage(), "Marketplace", firsts, 500.0)
    spiked = firsts[7]
    assert told(amounts) == []
    (found,) = told(add(amounts, "EC2", [spiked], 700.0))
    assert (found.driver, found.start) == ("EC2", day(spiked))
    assert near(found.excess, 700.0, 0.15)


def test_a_monthly_charge_that_begins_is_raised_once_and_then_known() -> None:
    firsts = [i for i in range(DAYS) if day(i).day == 1 and i > AT]
    (found,) = told(add(usage(), "Marketplace", firsts, 500.0))
    assert found.start == day(firsts[0])


def test_a_job_that_costs_more_every_second_week_becomes_a_habit() -> None:
    found = told(add(usage(), "EMR", range(AT, DAYS, 14), 200.0))
    assert [one.start for one in found] == [day(AT), day(AT + 14)]


def test_small_amounts_raise_nothing_and_the_minimum_is_a_rule() -> None:
    amounts = add(usage(level=40.0), "EC2", [AT], 20.0)
    assert told(amounts) == []
    (found,) = told(amounts, rules=Rules(alert_minimum=10.0))
    assert found.start == DAY


def test_a_service_that_joins_a_running_event_makes_no_second_one() -> None:
    amounts = add(usage(), "EC2", range(AT, AT + 12), 200.0)
    add(amounts, "RDS", range(AT + 5, AT + 12), 400.0)
    (found,) = told(amounts)
    assert (found.start, found.end) == (DAY, day(AT + 11))
    assert dict(found.services).keys() >= {"EC2", "RDS"}
    assert found.driver == "RDS"
    assert near(found.excess, 200.0 * 12 + 400.0 * 7)


def test_a_pause_of_up_to_three_days_is_one_event_and_a_longer_one_is_two() -> None:
    short = add(usage(), "EC2", [AT, AT + 3], 400.0)
    long = add(usage(), "EC2", [AT, AT + 9], 400.0)
    assert [(one.start, one.end) for one in told(short)] == [(DAY, day(AT + 3))]
    assert [one.start for one in told(long)] == [DAY, day(AT + 9)]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_event_that_is_weaker_for_some_days_continues_and_counts_them(seed: int) -> None:
    amounts = add(usage(seed=seed), "EC2", range(AT, AT + 20), 200.0)
    add(amounts, "EC2", range(AT + 8, AT + 11), -160.0)

    (found,) = told(amounts)

    assert (found.start, found.end) == (DAY, day(AT + 19))
    assert near(found.excess, 17 * 200.0 + 3 * 40.0, 0.05)


def test_another_service_after_an_event_and_a_rise_above_an_accepted_level_are_new_events() -> (
    None
):
    other = add(usage(), "EC2", range(AT, AT + 5), 300.0)
    add(other, "RDS", range(AT + 8, AT + 12), 300.0)
    assert [(one.driver, one.start) for one in told(other)] == [("EC2", DAY), ("RDS", day(AT + 8))]

    higher = add(usage(), "EC2", range(AT, DAYS), 150.0)
    add(higher, "EC2", range(AT + 30, AT + 34), 400.0)
    first, second = told(higher)
    assert (first.accepted, first.end) == (True, day(AT + RULES.accept_after))
    assert (second.start, second.end) == (day(AT + 30), day(AT + 33))
    assert near(second.excess, 1600.0)


def test_a_level_that_stays_becomes_the_new_normal_after_four_weeks() -> None:
    amounts = add(usage(), "EC2", range(AT, DAYS), 150.0)
    (found,) = told(amounts)
    assert found.accepted
    assert found.end == day(AT + RULES.accept_after)
    (_, later) = told(add(amounts, "EC2", [DAYS - 20], 600.0))
    assert later.start == day(DAYS - 20)
    assert near(later.excess, 600.0, 0.15)


def test_a_rise_that_continues_is_not_taken_for_normal() -> None:
    amounts = usage()
    for k in range(45):
        add(amounts, "EC2", [AT + k], 12.0 * (k + 1))
    (found,) = told(amounts, last=day(AT + 44))
    assert found.end is None


def evaluated(amounts: Usage, until: int) -> AccountDetector:
    """A detector that has evaluated the first days of an account."""
    detector = AccountDetector(RULES, amounts)
    for i in range(until):
        evaluate(detector, amounts, i)
    return detector


def evaluate(detector: AccountDetector, amounts: Usage, i: int) -> None:
    row = [series[i] for series in amounts.values()]
    detector.evaluate(FIRST.toordinal() + i, [math.fsum(row), *row])


def test_accepting_makes_the_level_normal_at_once() -> None:
    amounts = add(usage(), "EC2", range(AT, DAYS), 150.0)
    detector = evaluated(amounts, AT + 10)
    event = detector.event
    assert event is not None
    assert detector.accept() is event
    for i in range(AT + 10, DAYS):
        evaluate(detector, amounts, i)
        assert detector.event is None
    assert event.accepted
    assert detector.accept() is None


def test_a_day_that_comes_late_is_judged_when_it_is_there() -> None:
    final = add(usage(), "EC2", [AT], 500.0)
    seen = {service: array("d", row) for service, row in final.items()}
    for row in seen.values():
        row[AT] = math.nan
    known = day(AT + 3 + 6)
    corrections = [Correction(known, day(AT), s, final[s][AT]) for s in SHARES]

    (found,) = told(seen, corrections)

    assert (found.start, found.raised_on) == (DAY, day(AT + 6))
    assert near(found.excess, 500.0)


def test_a_day_that_is_restated_upwards_is_raised_then_and_not_before() -> None:
    amounts = usage()
    raised = Correction(day(AT + 3 + 4), day(AT), "RDS", amounts["RDS"][AT] + 400.0)
    (found,) = told(amounts, [raised])
    assert (found.start, found.raised_on, found.driver) == (DAY, day(AT + 4), "RDS")
    assert told(amounts, [raised], last=day(AT + 3)) == []


def test_a_correction_that_is_known_before_its_day_is_judged_is_simply_the_amount() -> None:
    amounts = add(usage(), "RDS", [AT], 400.0)
    right = Correction(day(AT + 2), day(AT), "RDS", amounts["RDS"][AT] - 400.0)
    assert told(amounts, [right]) == []


@pytest.mark.parametrize(("late", "ended"), [(10, 11), (27, 28), (28, 28)])
def test_what_comes_late_of_an_account_without_usage_by_now_ends_too(
    late: int, ended: int
) -> None:
    amounts = scaled(usage(), range(AT + 1, AT + 29), 0.0)
    raised = Correction(day(AT + 3 + late), day(AT), "RDS", amounts["RDS"][AT] + 400.0)
    (found,) = told(amounts, [raised], last=day(AT + ended + 1))
    assert (found.start, found.end, found.raised_on) == (DAY, DAY, day(AT + late))


def test_a_charge_of_long_ago_hides_no_new_one() -> None:
    amounts = usage(9000.0, noise=0.15)
    add(add(amounts, "Bedrock", [60], 4000.0), "Bedrock", [300], 1500.0)
    found = [one for one in told(amounts) if one.driver == "Bedrock"]
    assert [one.start for one in found] == [day(60), day(300)]


def test_an_alert_of_an_amount_that_is_taken_back_stays_and_its_excess_goes() -> None:
    amounts = add(usage(), "RDS", [AT], 400.0)
    back = Correction(day(AT + 3 + 5), day(AT), "RDS", amounts["RDS"][AT] - 400.0)
    (before,) = told(amounts, [back], last=day(AT + 2))
    (after,) = told(amounts, [back])
    assert near(before.excess, 400.0)
    assert abs(after.excess) < 40
    assert (after.start, after.raised_on) == (before.start, before.raised_on)


def test_while_an_account_is_learned_only_a_large_jump_is_raised() -> None:
    amounts = usage()
    for row in amounts.values():
        for i in range(AT - 20):
            row[i] = math.nan
    assert told(scaled({s: array("d", r) for s, r in amounts.items()}, [AT], 3.0)) == []
    (found,) = told(scaled(amounts, [AT], 12.0))
    assert found.start == DAY


def test_an_open_event_of_an_account_without_data_ends() -> None:
    amounts = add(usage(), "EC2", range(AT, AT + 5), 300.0)
    for row in amounts.values():
        for i in range(AT + 5, DAYS):
            row[i] = math.nan
    (during,) = told(amounts, last=day(AT + 8))
    (after,) = told(amounts)
    assert during.end is None
    assert after.end == day(AT + 4)


def test_what_is_raised_by_a_day_does_not_change_with_the_days_after_it() -> None:
    world = make_world(7, accounts=6)
    for found in histories(world):
        whole = replay(found, RULES, world.span.last)
        for cut in (220, 260, 300, 340, 380):
            last = world.span.first + timedelta(days=cut)
            early = replay(found, RULES, last)
            by_then = [(one.raised_on, one.start) for one in whole if one.raised_on <= last]
            assert [(one.raised_on, one.start) for one in early] == by_then
            for one in early:
                assert one.last <= last


@pytest.mark.parametrize("at", [10, 60])
def test_a_huge_amount_that_is_restated_leaves_nothing_in_the_sums(at: int) -> None:
    amounts = usage(days=100)
    restated = amounts["EC2"][at]
    amounts["EC2"][at] = 1e12
    detector, first = AccountDetector(RULES, amounts), FIRST.toordinal()
    for i in range(100):
        evaluate(detector, amounts, i)
        if i == at + (1 if at > LEARNING_DAYS else 40):
            detector.restate(first + at, {"EC2": restated}, first + i + 1)
    width = detector.width
    true = [math.fsum(detector.rows[-7 * width + column :: width]) for column in range(width)]
    assert detector.sums[-width:].tolist() == pytest.approx(true, abs=0.1)


def test_events_of_few_accounts_or_different_services_are_no_group() -> None:
    events = []
    for n, service in enumerate(["EC2", "RDS", "S3", "Lambda"] * 3):
        amounts = add(usage(seed=n), service, range(AT, AT + 5), 400.0)
        found = history(amounts, account=f"{n:012d}")
        events += replay(found, RULES, found.span.last)
    assert len(events) == 12
    assert grouped(events, accounts=84) == []


def test_accounts_that_are_seen_later_join_the_group_and_its_key_stays() -> None:
    events = []
    for n in range(8):
        amounts = add(usage(level=200.0 + 100 * n, seed=n), "EC2", range(AT, AT + 20), 150.0)
        found = history(amounts, account=f"{n:012d}")
        events += replay(found, RULES, found.span.last)
    early = grouped([event for event in events if event.raised_on == DAY], accounts=20)
    late = grouped(events, accounts=20)
    assert len(early) == len(late) == 1
    assert early[0].key == late[0].key
    assert len(late[0].events) == 8


def test_an_event_in_which_no_service_stands_out_has_the_name_of_all_of_them() -> None:
    number = DAY.toordinal()
    event = Event(number, number, number, horizon=1, score=2.0, sums={ACCOUNT: 300.0})
    assert replaying.detected("1" * 12, event).driver == "All services"
    event.sums["EC2"] = 10.0
    assert replaying.detected("1" * 12, event).driver == "EC2"


def test_an_accepted_day_ends_its_event_and_a_later_rise_is_another() -> None:
    amounts = add(usage(), "EC2", range(AT, AT + 20), 300.0)
    found = history(add(amounts, "EC2", range(AT + 10, AT + 20), 600.0))
    (whole,) = replay(found, RULES, day(AT + 15))
    first, second = replay(found, RULES, day(AT + 15), accepted={day(AT + 4)})
    assert (whole.start, whole.end) == (DAY, None)
    assert (first.accepted, first.end) == (True, day(AT + 4))
    assert (second.start, second.end) == (day(AT + 10), None)


def test_an_empty_history_says_nothing() -> None:
    nothing = History("1" * 12, DaySpan(FIRST, FIRST), {})
    assert replay(nothing, RULES, FIRST) == []
    assert index(FIRST) == 0


def test_a_job_that_slips_by_a_day_raises_nothing_and_one_that_runs_twice_does() -> None:
    def jobs(slipped: int | None, doubled: int | None) -> Usage:
        amounts = usage()
        for i in range(2, DAYS, 7):
            at = i + 1 if i == slipped else i
            add(amounts, "EMR", [at], 400.0 if i == doubled else 200.0)
        return amounts

    job = AT + (2 - AT) % 7
    assert told(jobs(None, None)) == []
    assert told(jobs(slipped=job, doubled=None)) == []
    (found,) = told(jobs(slipped=None, doubled=job))
    assert (found.driver, found.start) == ("EMR", day(job))


def test_a_rise_of_a_small_account_is_one_event_of_its_service_to_the_dollar() -> None:
    amounts = add(usage(level=40.0), "EC2", range(AT, AT + 26), 30.0)
    (found,) = told(amounts)
    assert (found.driver, found.start, found.end) == ("EC2", DAY, day(AT + 25))
    assert near(found.excess, 30.0 * 26, 0.05)
    assert found.services[0][0] == "EC2"


def test_a_rise_of_all_services_is_measured_on_the_whole_account() -> None:
    amounts = scaled(usage(), range(AT, AT + 12), 1.6)
    whole = sum(sum(row[AT : AT + 12]) for row in usage().values())
    (found,) = told(amounts)
    assert found.start == DAY
    assert near(found.excess, 0.6 * whole, 0.04)


def test_an_account_that_is_a_little_too_high_every_day_is_raised_within_three_weeks() -> None:
    amounts = usage(noise=0.1)
    (found,) = told(scaled(amounts, range(AT, AT + 28), 1.3))
    assert (found.raised_on - DAY).days <= 20
    assert abs((found.start - DAY).days) <= 6


def test_what_a_service_has_too_much_is_not_normal_for_its_account_either() -> None:
    detector = evaluated(add(usage(), "EC2", range(AT, AT + 6), 300.0), AT + 6)
    event = detector.event
    assert event is not None
    for i in range(AT, AT + 6):
        when = FIRST.toordinal() + i
        normal = detector.series(0, when + 1)[-1]
        services = [detector.series(c, when + 1)[-1] for c in range(1, detector.width)]
        assert normal == pytest.approx(math.fsum(services), rel=1e-4)
        assert normal < detector.amount(when, 0) - 200


def test_an_account_that_returns_larger_after_a_month_of_silence_is_learned_anew() -> None:
    amounts = usage()
    for row in amounts.values():
        for i in range(150, 190):
            row[i] = math.nan
        for i in range(190, DAYS):
            row[i] *= 3
    assert told(amounts) == []
    for row in amounts.values():
        for i in range(150, 165):
            row[i] = row[i - 7]
    assert len(told(amounts)) == 1


def test_a_rise_of_many_days_makes_no_charge_that_is_due_a_month_later() -> None:
    first = index(date(2026, 7, 6))
    amounts = add(usage(), "EC2", range(first, first + 10), 300.0)
    add(amounts, "EC2", [index(date(2026, 8, 6))], 300.0)
    assert [one.start for one in told(amounts)] == [date(2026, 7, 6), date(2026, 8, 6)]


def test_a_seldom_used_service_is_raised_only_when_it_costs_more_than_ever() -> None:
    amounts = add(usage(), "Athena", [20], 60.0)
    for i, amount in ((80, 66.0), (140, 74.0), (200, 81.0)):
        add(amounts, "Athena", [i], amount)
    assert told(amounts) == []
    (found,) = told(add(amounts, "Athena", [260], 260.0))
    assert found.start == day(260)


def test_large_days_of_the_first_weeks_are_charges_and_a_run_of_them_is_a_level() -> None:
    values = [100.0] * LEARNING_DAYS
    values[12] = 400.0
    ((place, excess, limit),) = large_days(values)
    assert (place, excess) == (12, 300.0)
    assert 100 < limit < 150
    assert large_days([100.0] * 31 + [400.0] * 4) == []


class CountedDate(date):
    """A date that counts how often two of its kind were compared by their distance."""

    compared = 0

    def __sub__(self, other: Any) -> Any:
        type(self).compared += 1
        return super().__sub__(other)


@pytest.mark.parametrize(("days", "groups"), [(2, 1), (300, 0)])
def test_ten_thousand_accounts_are_grouped_without_comparing_each_with_each(
    days: int, groups: int
) -> None:
    number = 10_000
    starts = [CountedDate.fromordinal(day(n % days).toordinal()) for n in range(number)]
    events = [
        Detected(f"{n:012d}", "shift", start, None, FIRST, FIRST, "EC2", Decimal(1), ())
        for n, start in enumerate(starts)
    ]
    CountedDate.compared = 0
    assert len(grouped(events, accounts=number)) == groups
    begun_together = number // days * (STARTS_WITHIN.days + 2)
    assert 0 < CountedDate.compared <= number * (1 if groups else begun_together)


def test_a_few_of_many_accounts_are_no_group() -> None:
    events = []
    for n in range(6):
        found = history(add(usage(seed=n), "EC2", [AT], 400.0), account=f"{n:012d}")
        events += replay(found, RULES, found.span.last)
    assert len(grouped(events, accounts=40)) == 1
    assert grouped(events, accounts=84) == []


def test_usage_is_as_it_was_first_seen_and_a_service_may_be_known_from_corrections_alone() -> None:
    span = DaySpan(FIRST, day(2))
    at = datetime(2026, 1, 20, 9, tzinfo=UTC)
    table = CostTable(
        span,
        "USD",
        [
            CostSeries("1" * 12, "EC2", Category.USAGE, array("d", [1.0, 2.0, math.nan])),
            CostSeries("1" * 12, "EC2", Category.TAX, array("d", [9.0, 9.0, 9.0])),
        ],
    )
    changes = [
        CostChange("1" * 12, "EC2", Category.USAGE, day(2), at, 3.0),
        CostChange("1" * 12, "EC2", Category.TAX, day(2), at, 8.0),
        CostChange("1" * 12, "Bedrock", Category.USAGE, day(1), at, 7.0),
    ]
    (found,) = replaying.histories(table, changes)
    assert {name: list(map(str, row)) for name, row in found.usage.items()} == {
        "EC2": ["1.0", "2.0", "nan"],
        "Bedrock": ["0.0", "0.0", "0.0"],
    }
    assert [
        (correction.known, correction.day, correction.service, correction.amount)
        for correction in found.corrections
    ] == [
        (at.date(), day(2), "EC2", 3.0),
        (at.date(), day(1), "Bedrock", 7.0),
    ]


CHARGED = (
    (700.0, 800.0, 3),
    (700.0, 400.0, 3),
    (700.0, 200.0, 16),
    (1350.0, 800.0, 16),
    (1350.0, 400.0, 27),
)


@pytest.mark.parametrize(("charge", "rise", "days"), CHARGED)
def test_a_monthly_charge_hides_nothing_on_other_days(
    charge: float, rise: float, days: int
) -> None:
    """A rise from the 4th on, in a service that is charged on the 15th of each month."""
    amounts = usage()
    amounts["RDS"] = array("d", (500.0 * (1 + 0.02 * math.sin(i)) for i in range(DAYS)))
    add(amounts, "RDS", [i for i in range(DAYS) if day(i).day == 15], charge)
    begin = next(i for i in range(AT, DAYS) if day(i).day == 4)
    add(amounts, "RDS", range(begin, begin + days), rise)

    (found,) = told(amounts)

    assert (found.driver, found.start) == ("RDS", day(begin))
    assert (found.raised_on - found.start).days <= 3
    assert near(found.excess, rise * days, 0.05)


def test_a_charge_of_one_service_hides_no_small_rise_of_another() -> None:
    amounts = usage(level=800.0)
    charges = [i for i in range(DAYS) if day(i).day == 15]
    amounts["Route 53"] = array("d", [0.0]) * DAYS
    add(amounts, "Route 53", charges, 300.0)
    begin = next(i for i in range(AT, DAYS) if day(i).day == 4)
    (found,) = told(add(amounts, "RDS", range(begin, begin + 3), 200.0))
    assert (found.driver, found.start) == ("RDS", day(begin))


def test_a_charge_that_wanders_comes_once_a_month() -> None:
    """On the 14th to 16th; what rises a day or two after it is no second one."""
    amounts = usage(level=800.0)
    months = [i for i in range(DAYS) if day(i).day == 15]
    wandering = [i + (-1, 0, 1)[n % 3] for n, i in enumerate(months)]
    add(amounts, "EC2", wandering, 500.0)
    learned = len(told(amounts, last=day(AT)))
    assert len(told(amounts, last=day(wandering[-2]))) == learned
    begin = wandering[-2] + 2
    found = told(add(amounts, "EC2", range(begin, begin + 6), 300.0), last=day(begin + 14))
    (rise,) = found[learned:]
    assert day(begin) <= rise.start <= day(begin + 1)
    assert near(rise.excess, 6 * 300.0, 0.2)
