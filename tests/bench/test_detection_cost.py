"""Judging costs less than parsing what is judged, in processor time of one and the same run."""

import statistics

from tests.bench.detection.cost import one_day, whole_backtest


def test_a_new_day_is_judged_in_about_what_parsing_its_json_takes() -> None:
    """Of 10,000 accounts in less, which `make bench-detection` asserts; fewer are parsed faster."""
    spent = one_day(accounts=2000, services=10, rounds=3)
    assert min(spent["judge"]) < 2 * min(spent["json.loads"])


def test_a_whole_backtest_takes_less_than_ten_times_the_parsing_of_its_json() -> None:
    spent = whole_backtest(accounts=28, services=15, days=400, rounds=3)
    assert statistics.median(spent["replay"]) < 10 * statistics.median(spent["json.loads"])
