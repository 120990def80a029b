"""Would numpy pay? The core of evaluating a day, in plain Python as it is and in numpy.

``python -m tests.bench.detection.numpy_kernel`` compares, for one day of 84 and of 10,000 accounts
× 11 columns: the prefilter over all columns, and the full evaluation of those that pass it. Both give
the same expectations and spreads, which is checked. numpy's import is measured in a process of
its own.
"""

import random
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from services.analysis.detection.baseline import Measure, evaluate, expected_day
from services.analysis.detection.rules import WINDOW, Rules

RULES = Rules()
COLUMNS = 11
MEASURE = Measure(1.0, 25.0, 37.5, is_service=True)
Matrix = Any


def made(accounts: int) -> "list[array[float]]":
    """Amounts of each account: 92 days × 11 columns, day by day; the last day is evaluated."""
    found = []
    for n in range(accounts):
        rng = random.Random(n)
        levels = [rng.lognormvariate(3, 1) for _ in range(COLUMNS)]
        shape = [1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.6]
        rows = array("f")
        for day in range(WINDOW + 1):
            rows.extend(x * shape[day % 7] * rng.uniform(0.85, 1.15) for x in levels)
        found.append(rows)
    return found


def prefiltered_in_python(accounts: "list[array[float]]") -> int:
    """Columns that exceed both weeks before; as in the detector's prefilter, over flat rows."""
    number = 0
    for rows in accounts:
        today, week, two = (
            rows[-COLUMNS:],
            rows[-8 * COLUMNS : -7 * COLUMNS],
            rows[-15 * COLUMNS : -14 * COLUMNS],
        )
        number += sum(
            1
            for x, a, b in zip(today, week, two, strict=True)
            if x - 10 > 1.15 * a and x - 10 > 1.15 * b
        )
    return number


def prefiltered_in_numpy(cube: Matrix) -> int:
    """The same on a cube of accounts × days × columns."""
    today, week, two = cube[:, -1], cube[:, -8], cube[:, -15]
    return int(np.count_nonzero((today - 10 > 1.15 * week) & (today - 10 > 1.15 * two)))


def looked_in_python(series: list[list[float]], today: list[float]) -> list[float]:
    """The full look at each series."""
    return [evaluate(one, x, MEASURE, RULES).score for one, x in zip(series, today, strict=True)]


def looked_in_numpy(values: Matrix, today: Matrix) -> tuple[Matrix, Matrix]:
    """Expectation and spread, and the scores of a day, of three, and of one to three weeks."""
    n = values.shape[1]
    weeks = values.reshape(len(values), 13, 7).sum(axis=2)[:, ::-1]
    level = np.median(weeks[:, :4], axis=1) / 7
    same = values[:, n - 7 :: -7][:, :8]
    shares = 7 * same / np.maximum(weeks[:, :8], 1e-12)
    expected = np.median(shares, axis=1) * level
    reached = np.maximum(expected, np.sort(same, axis=1)[:, -2])
    late, early = values[:, -49:], values[:, -56:-7]
    steps = np.sort(np.abs(late - early) / (late + early + 0.3 * level[:, None] + 1e-9), axis=1)
    relative = np.maximum(steps[:, 24] * 2.097, steps[:, 44] * 0.86)
    spread = np.maximum(relative * (expected + 0.15 * level), 0.05 * expected + MEASURE.grain)
    scores = [(today - reached) / spread]
    capped = np.minimum(today, reached + 3 * spread)
    three = same + values[:, n - 8 :: -7][:, :8] + values[:, n - 9 :: -7][:, :8]
    usual = np.median(7 * three / np.maximum(weeks[:, :8], 1e-12), axis=1) * level
    total = capped + values[:, -1] + values[:, -2]
    scores.append((total - np.maximum(usual, np.sort(three, axis=1)[:, -2])) / (1.5 * spread))
    moves = np.sort(np.abs(np.diff(weeks[:, 1:], axis=1)), axis=1)
    wide = np.maximum(moves[:, 5] * 1.048, moves[:, 8] * 0.55)
    for number in (1, 2, 3):
        before = weeks[:, number : number + 8]
        total = (capped + values[:, 1 - 7 * number :].sum(axis=1)) / number
        later = weeks[:, number:]
        growth = np.median((later[:, :-4] - later[:, 4:]) / 4, axis=1)
        usual = np.median(before, axis=1) + np.maximum(growth, 0) * before.shape[1] / 2
        scores.append((total - np.maximum(usual, np.sort(before, axis=1)[:, -2])) / wide)
    return expected, np.max(scores, axis=0)


def cpu(work: Callable[[], Any], rounds: int) -> float:
    """Median CPU milliseconds of a call."""
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append((time.process_time() - begin) * 1000)
    return statistics.median(spent)


def import_cost() -> tuple[float, float]:
    """CPU milliseconds and resident MiB that importing numpy adds to a process."""
    code = (
        "import re, time\n{}\n"
        "status = open('/proc/self/status').read()\n"
        "print(time.process_time(), re.search(r'VmRSS:\\s+(\\d+)', status)[1])"
    )
    found = []
    for text in ("", "import numpy"):
        command = [sys.executable, "-c", code.format(text)]
        runs = [
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            for _ in range(5)
        ]
        found.append([statistics.median(float(run[i]) for run in runs) for i in (0, 1)])
    (cpu0, mem0), (cpu1, mem1) = found
    return (cpu1 - cpu0) * 1000, (mem1 - mem0) / 1024


def compared(accounts: int, rounds: int) -> dict[str, str]:
    """Screening and looks of a day in both ways, in milliseconds."""
    rows = made(accounts)
    cube = np.array([np.asarray(row) for row in rows]).reshape(accounts, WINDOW + 1, COLUMNS)
    looks = max(accounts * COLUMNS // 20, 1)  # one column in twenty stands out
    picked = cube.transpose(0, 2, 1).reshape(-1, WINDOW + 1)[:looks].astype(float)
    values, today = picked[:, :-1], picked[:, -1]
    series, days = values.tolist(), today.tolist()
    expected, _ = looked_in_numpy(values, today)
    for i in range(0, looks, max(looks // 20, 1)):
        if abs(expected[i] - expected_day(series[i])) > 1e-6 * max(expected[i], 1):
            raise AssertionError("numpy and Python expect different amounts")
    if prefiltered_in_python(rows) != prefiltered_in_numpy(cube):
        raise AssertionError("numpy and Python prefilter differently")
    spent = {
        "plain Python": (
            cpu(partial(prefiltered_in_python, rows), rounds),
            cpu(partial(looked_in_python, series, days), rounds),
        ),
        "numpy": (
            cpu(partial(prefiltered_in_numpy, cube), rounds),
            cpu(partial(looked_in_numpy, values, today), rounds),
        ),
    }
    return {name: f"{prefilter:.1f} + {full:.1f} ms" for name, (prefilter, full) in spent.items()}


def main() -> None:
    """Prints a Markdown table."""
    few, many = compared(84, 21), compared(10_000, 5)
    print("\nScreening + looks of one day\n\n| | 84 accounts | 10,000 accounts |\n|---|---:|---:|")
    for name, text in few.items():
        print(f"| {name} | {text} | {many[name]} |")
    milliseconds, mebibytes = import_cost()
    print(f"\nnumpy's import: {milliseconds:.0f} ms, {mebibytes:.0f} MiB, once in each process")


if __name__ == "__main__":
    main()
