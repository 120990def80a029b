"""The axes of charts."""

import math
from collections.abc import Sequence

TICKS = 4
"""Teams draws so many steps between the ends of an axis, wherever they are."""
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""Of which whole multiples, in each power of ten, are read easily."""
MIN_STEP = 0.01


def readable_axis(amounts: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that begins at zero and has round numbers at its steps.

    Left alone, Teams ends the axis at the largest amount and divides that: 57.96, 115.92, 173.88.
    """
    low, high = min([*amounts, 0.0]), max([*amounts, 0.0])
    power = math.floor(math.log10(max((high - low) / TICKS, MIN_STEP)))
    for step in (factor * 10.0**exponent for exponent in (power, power + 1) for factor in STEPS):
        first = math.floor(low / step)
        if first + TICKS >= high / step:
            return round(first * step, 2), round((first + TICKS) * step, 2)
    raise AssertionError("ten times the power of ten is larger than a quarter of the span")
