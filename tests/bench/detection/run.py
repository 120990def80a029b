"""The benchmark of detection: ours against the usual rules.

``make bench-detection`` prints the tables of docs/detection.md. Rivals' thresholds are chosen on
the calibration seeds, for the best F1 within the budget of false alerts, and frozen; everything
is reported on other seeds, as mean and 95 % confidence interval over them. Three more families of
worlds, built otherwise, show how far the figures carry over; nothing is calibrated on them.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from services.analysis.detection.rules import Rules
from tests.bench.detection import ours
from tests.bench.detection.fourth_worlds import make_fourth_world
from tests.bench.detection.other_worlds import make_other_world
from tests.bench.detection.protocol import Score, interval, score
from tests.bench.detection.rivals import RIVALS, Rival, Scored, scored
from tests.bench.detection.third_worlds import make_third_world
from tests.bench.detection.worlds import World, make_world

CALIBRATION = (100, 101, 102, 103)
SEEDS = tuple(range(1, 11))
FAMILIES: tuple[tuple[str, Callable[[int], World]], ...] = (
    ("First", make_world),
    ("Second", make_other_world),
    ("Third", make_third_world),
    ("Fourth", make_fourth_world),
)
SLOW = 2
"""Seeds for rules that are fitted anew again and again."""
BUDGET = 0.05
"""False alerts per account and month."""
MONTHLY_CREDIT = 14
"""Days after an anomaly for which a rule that looks at months is still credited."""
STEPS = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """A detector in the table: its name, and its score on each test world."""

    name: str
    scores: list[Score]


def _credit(rival: Rival) -> int:
    return MONTHLY_CREDIT if rival.monthly else 1


def calibrated(rival: Rival, worlds: Sequence[World], *, by_service: bool) -> tuple[float, float]:
    """The threshold with the best F1 within the budget on these worlds, and that F1."""
    found = [scored(rival, world, by_service=by_service) for world in worlds]
    best, best_f1 = float("inf"), -1.0
    for threshold in _thresholds(found):
        total = Score()
        for world, one in zip(worlds, found, strict=True):
            total.add(score(world, one.alerts(threshold), afterwards=_credit(rival)))
        if total.false_rate <= BUDGET and total.f1 > best_f1:
            best, best_f1 = threshold, total.f1
    return best, best_f1


def _thresholds(found: Sequence[Scored]) -> list[float]:
    """Candidates from loose to strict, ever denser towards the strict end."""
    values = np.concatenate([one.scores[~np.isnan(one.scores)] for one in found])
    values = values[values > 0]
    quantiles = 1 - np.geomspace(0.5, 1 / len(values), STEPS)
    return [float(x) for x in np.quantile(values, quantiles)]


@dataclass(frozen=True, slots=True)
class Judged:
    """A rival on each family: at the budget, and on the first one also out of the box."""

    families: list[Entry]
    shipped: Entry
    note: str


def rival_entry(rival: Rival, seeds: int) -> Judged:
    """A rival on accounts or on services, whichever is better at the budget."""
    worlds = [make_world(seed) for seed in CALIBRATION]
    options = [False, True] if rival.services else [False]
    ways = [(calibrated(rival, worlds, by_service=way), way) for way in options]
    (threshold, _), by_service = max(ways, key=lambda one: one[0][1])
    families, shipped = [], []
    for name, make in FAMILIES:
        entry = Entry(rival.name, [])
        for seed in SEEDS[:seeds]:
            world = make(seed)
            found = scored(rival, world, by_service=by_service)
            alerts = found.alerts(threshold)
            entry.scores.append(score(world, alerts, afterwards=_credit(rival)))
            if name == FAMILIES[0][0]:
                whole = found if not by_service else scored(rival, world, by_service=False)
                alerts = whole.alerts(rival.shipped)
                shipped.append(score(world, alerts, afterwards=_credit(rival)))
        families.append(entry)
    note = f"{'account and services' if by_service else 'account'}, ≥ {threshold:.2f}"
    return Judged(families, Entry(f"{rival.name} ≥ {rival.shipped:g}", shipped), note)


def our_scores(make: Callable[[int], World], seeds: Sequence[int]) -> list[Score]:
    """Ours, with every amount as it was known then."""
    found = []
    for seed in seeds:
        world = make(seed)
        found.append(score(world, ours.alerts(world, Rules())))
    return found


COLUMNS: tuple[tuple[str, Callable[[Score], float], int], ...] = (
    ("precision", lambda one: one.precision, 2),
    ("recall", lambda one: one.recall, 2),
    ("F1", lambda one: one.f1, 2),
    ("$ recall", lambda one: one.dollar_recall, 2),
    ("drift recall", lambda one: one.kind_recall("drift"), 2),
    ("false alerts / account-month", lambda one: one.false_rate, 3),
    ("repeats / anomaly", lambda one: one.repeat_rate, 2),
    ("days to notify", lambda one: one.days_to_notify, 1),
)


def row(entry: Entry) -> str:
    """A line of a Markdown table."""
    cells = []
    for _, value, places in COLUMNS:
        numbers = [x for x in map(value, entry.scores) if not math.isnan(x)]
        if not numbers:
            cells.append("–")
            continue
        mean, half = interval(numbers)
        cells.append(f"{mean:.{places}f} ± {half:.{places}f}")
    return f"| {entry.name} | {' | '.join(cells)} |"


def table(entries: Sequence[Entry]) -> str:
    """A Markdown table."""
    heads = " | ".join(name for name, _, _ in COLUMNS)
    lines = [f"| detector | {heads} |", "|---|" + "---:|" * len(COLUMNS)]
    return "\n".join([*lines, *map(row, entries)])


def by_kind(scores: Sequence[Score]) -> str:
    """Recall by kind of anomaly, and how often the right service was named."""
    total = Score()
    for one in scores:
        total.add(one)
    kinds = [
        kind for kind in ("spike", "burst", "shift", "drift", "new service") if kind in total.kinds
    ]
    parts = [f"{kind} {total.kind_recall(kind):.2f}" for kind in kinds]
    return f"Recall by kind: {', '.join(parts)}. Right service named: {total.driver_rate:.2f}."


def show(
    families: Sequence[Sequence[Score]], rivals: Sequence[Judged], seeds: int, slow: int
) -> None:
    """Prints all tables."""
    for i, (name, _) in enumerate(FAMILIES):
        entries = sorted(
            (rival.families[i] for rival in rivals),
            key=lambda one: -statistics.fmean(score.f1 for score in one.scores),
        )
        print(f"\n{name} family, {len(SEEDS)} seeds; rules {seeds}, slow ones {slow}\n")
        print(table([Entry("**ours**", list(families[i])), *entries]))
        print(f"\n{by_kind(families[i])}")
    if rivals:
        notes = "; ".join(f"{one.shipped.name.split(' ≥')[0]}: {one.note}" for one in rivals)
        print(f"\nThresholds at {BUDGET} false alerts per account and month: {notes}.")
        print("\nOut of the box, first family, on accounts\n")
        print(table([one.shipped for one in rivals]))


def main() -> None:
    """Prints all tables; progress goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each family for the rules")
    parser.add_argument("--slow-seeds", type=int, default=SLOW, help="the same for slow rules")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ours-only", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    rivals: list[Judged] = []
    with ProcessPoolExecutor(args.workers) as pool:
        ours_waiting = [pool.submit(our_scores, make, SEEDS) for _, make in FAMILIES]
        waiting = [
            pool.submit(rival_entry, rival, args.seeds if rival.services else args.slow_seeds)
            for rival in RIVALS
            if not args.ours_only
        ]
        families = [one.result() for one in ours_waiting]
        for one in waiting:
            rivals.append(one.result())
            print(f"{rivals[-1].note}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            for entry in rivals[-1].families:
                print(row(entry), file=sys.stderr, flush=True)
    show(families, rivals, args.seeds, args.slow_seeds)


if __name__ == "__main__":
    main()
