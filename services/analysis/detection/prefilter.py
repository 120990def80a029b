"""The prefilter: which columns of a day can stand out at all. On most days none can."""

from array import array
from collections.abc import Sequence

DAY_STEP, DAY_MONEY, WEEK_STEP = 1.15, 0.4, 1.08
"""Only a column whose day or week exceeds those of both weeks before by this is evaluated."""


def columns_to_evaluate(
    rows: "array[float]", sums: "array[float]", row: Sequence[float], alert_minimum: float
) -> set[int]:
    """The columns to evaluate of the day whose row was added last.

    ``rows``, ``sums``: as in ``Rows``, of three weeks at least. ``row``: the day's amounts.
    """
    width = len(row)
    step = DAY_MONEY * alert_minimum
    day = zip(row, rows[-8 * width : -7 * width], rows[-15 * width : -14 * width], strict=True)
    columns = {
        c for c, (x, a, b) in enumerate(day) if x - step > DAY_STEP * a and x - step > DAY_STEP * b
    }
    week = zip(
        sums[-width:],
        sums[-15 * width : -14 * width],
        sums[-22 * width : -21 * width],
        strict=True,
    )
    columns.update(
        c
        for c, (x, a, b) in enumerate(week)
        if x - alert_minimum > WEEK_STEP * a and x - alert_minimum > WEEK_STEP * b
    )
    return columns
