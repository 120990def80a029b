"""The usual rules, as rivals: each gives every day of every series a score, without look-ahead.

Matrices have one row a series and one column a day; NaN where there is no data or no score yet.
All get the final amounts (no late days, which favours them) and the same floor in money.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest
from statsmodels.tsa.seasonal import STL

from tests.bench.detection.protocol import Alert, merged
from tests.bench.detection.worlds import SCORED_FROM, World

FLOOR = 25.0
"""Money a day above what was expected; no rival tells less."""
Matrix = Any
"""numpy arrays of float64."""
Rule = Callable[[Matrix, list[date]], tuple[Matrix, Matrix]]
"""(amounts, days) → (scores, expected amounts)."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A rule, and how its alerts are counted."""

    name: str
    rule: Rule
    shipped: float
    """The threshold that people use out of the box."""
    monthly: bool = False
    """One alert a calendar month; credited up to two weeks after an anomaly."""
    services: bool = True
    """Whether it is also tried on every service; too slow for some."""


def _windows(x: Matrix, days: int) -> Matrix:
    """For each day, the days before it: shape (series, days, window), NaN in front."""
    front = np.full((len(x), days), np.nan)
    padded = np.concatenate([front, x], axis=1)[:, :-1]
    return np.lib.stride_tricks.sliding_window_view(padded, days, axis=1)


def _floored(spread: Matrix, expected: Matrix) -> Matrix:
    return np.maximum(np.maximum(spread, 0.02 * np.abs(expected)), 1.0)


def day_over_day(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """Today against yesterday, in percent."""
    before = np.concatenate([np.full((len(x), 1), np.nan), x[:, :-1]], axis=1)
    return (x - before) / np.maximum(before, 1.0), before


def thirty_day_mean(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """Today against the mean of 30 days, in percent."""
    mean = np.mean(_windows(x, 30), axis=2)
    return (x - mean) / np.maximum(mean, 1.0), mean


def z_score(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """Standard deviations from the mean of 14 days."""
    window = _windows(x, 14)
    mean = np.mean(window, axis=2)
    return (x - mean) / _floored(np.std(window, axis=2), mean), mean


def median_mad(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """Robust deviations from the median of 28 days."""
    window = _windows(x, 28)
    middle = np.median(window, axis=2)
    spread = 1.4826 * np.median(np.abs(window - middle[:, :, None]), axis=2)
    return (x - middle) / _floored(spread, middle), middle


def weekday_mad(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """Robust deviations from the median of the last eight same weekdays."""
    window = _windows(x, 56)[:, :, 0::7]
    middle = np.median(window, axis=2)
    spread = 1.4826 * np.median(np.abs(window - middle[:, :, None]), axis=2)
    return (x - middle) / _floored(spread, middle), middle


def holt_winters(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """Holt-Winters with weekly seasons and a robust update (errors count up to 3 deviations)."""
    alpha, beta, gamma = 0.2, 0.02, 0.15
    n, length = x.shape
    level, trend = np.full(n, np.nan), np.zeros(n)
    season, spread = np.zeros((n, 7)), np.full(n, np.nan)
    seen = np.zeros(n, dtype=int)
    score, expected = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    for t in range(length):
        today = x[:, t]
        fresh = ~np.isnan(today) & np.isnan(level)
        ready = fresh & (seen >= 28)
        for i in np.flatnonzero(ready):
            past = x[i, t - 28 : t]
            level[i] = np.mean(past)
            season[i] = [np.median(past[k::7]) - level[i] for k in range(7)]
            season[i] = np.roll(season[i], t % 7)
            spread[i] = 1.25 * np.mean(np.abs(past - level[i] - np.tile(season[i], 5)[:28])) + 1
        known = ~np.isnan(today) & ~np.isnan(level)
        usual = level + trend + season[:, t % 7]
        error = np.where(known, today - usual, 0.0)
        width = _floored(spread, usual)
        expected[:, t] = np.where(known, usual, np.nan)
        score[:, t] = np.where(known & (seen >= 56), error / width, np.nan)
        cut = np.clip(error, -3 * width, 3 * width)
        trend = np.where(known, trend + alpha * beta * cut, trend)
        level = np.where(known, level + trend + alpha * cut, level)
        season[:, t % 7] = np.where(
            known, season[:, t % 7] + gamma * (1 - alpha) * cut, season[:, t % 7]
        )
        spread = np.where(known, 0.95 * spread + 0.05 * 1.25 * np.abs(cut), spread)
        seen += ~np.isnan(today)
    return score, expected


def stl(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """Robust STL over the past 16 weeks, refitted weekly, carried forward a week."""
    past, score, expected = 112, np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    for i, row in enumerate(x):
        for t in range(max(past, SCORED_FROM - 14), len(row), 7):
            window = row[t - past : t]
            if np.isnan(window).any():
                continue
            fit = STL(window, period=7, robust=True).fit()
            width = 1.4826 * np.median(np.abs(fit.resid - np.median(fit.resid)))
            for k in range(t, min(t + 7, len(row))):
                usual = fit.trend[-7:].mean() + fit.seasonal[-7:][(k - t) % 7]
                expected[i, k] = usual
                score[i, k] = (row[k] - usual) / max(width, 0.02 * abs(usual), 1.0)
    return score, expected


def isolation_forest(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """An isolation forest of six features per series, refitted every four weeks."""
    middle7 = np.median(_windows(x, 7), axis=2)
    middle28 = np.median(_windows(x, 28), axis=2)
    same = np.concatenate([np.full((len(x), 7), np.nan), x[:, :-7]], axis=1)
    yesterday = np.concatenate([np.full((len(x), 1), np.nan), x[:, :-1]], axis=1)
    safe = np.maximum(middle28, 1.0)
    weekday = np.array([day.weekday() / 6 for day in days])
    month_day = np.array([day.day / 31 for day in days])
    features = np.stack(
        [
            x / safe,
            x / np.maximum(same, 1.0),
            x / np.maximum(yesterday, 1.0),
            middle7 / safe,
            np.broadcast_to(weekday, x.shape),
            np.broadcast_to(month_day, x.shape),
        ],
        axis=2,
    )
    score = np.full(x.shape, np.nan)
    for i in range(len(x)):
        for t in range(SCORED_FROM - 14, x.shape[1], 28):
            train = features[i, max(t - 180, 0) : t]
            train = train[~np.isnan(train).any(axis=1)]
            if len(train) < 60:
                continue
            forest = IsolationForest(n_estimators=60, random_state=i).fit(train)
            block = features[i, t : t + 28]
            fine = ~np.isnan(block).any(axis=1)
            if fine.any():
                values = -forest.score_samples(block[fine])
                score[i, np.flatnonzero(fine) + t] = values
    return score, middle28


def month_to_date(x: Matrix, days: list[date], *, full: bool = False) -> tuple[Matrix, Matrix]:
    """The month so far against the same days of the month before, or against all of it."""
    sums = np.concatenate([np.zeros((len(x), 1)), np.nancumsum(x, axis=1)], axis=1)
    score, expected = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    first = days[0]
    for t, day in enumerate(days):
        begin = t - day.day + 1
        last = day.replace(day=1) - timedelta(days=1)
        before = (last.replace(day=1) - first).days
        if before < 0 or day.day < 3:
            continue
        length = last.day if full else min(day.day, last.day)
        now = sums[:, t + 1] - sums[:, begin]
        then = sums[:, before + length] - sums[:, before]
        score[:, t] = np.where(then > 0, (now - then) / np.maximum(then, 1.0), np.nan)
        expected[:, t] = x[:, t] - (now - then)  # the floor is on the increase of the month
    return score, expected


def month_to_date_full(x: Matrix, days: list[date]) -> tuple[Matrix, Matrix]:
    """The month so far against the whole month before."""
    return month_to_date(x, days, full=True)


RIVALS = (
    Rival("month to date vs same days", month_to_date, 0.2, monthly=True),
    Rival("month to date vs full month", month_to_date_full, 0.0, monthly=True),
    Rival("day over day", day_over_day, 0.5),
    Rival("over the 30-day mean", thirty_day_mean, 0.3),
    Rival("z-score, 14 days", z_score, 3.0),
    Rival("median and MAD, 28 days", median_mad, 3.5),
    Rival("same-weekday median and MAD", weekday_mad, 3.5),
    Rival("Holt-Winters, robust", holt_winters, 3.5),
    Rival("STL, weekly refit", stl, 3.5, services=False),
    Rival("Isolation Forest", isolation_forest, 0.6, services=False),
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A rival's scores of a world, from which alerts at any threshold follow."""

    days: list[date]
    accounts: list[str]
    services: list[str]
    scores: Matrix
    monthly: bool

    def alerts(self, threshold: float) -> list[Alert]:
        """Flags of an account at most three days apart are one alert."""
        flags: dict[str, dict[int, str]] = {}
        for row, column in zip(*np.nonzero(self.scores >= threshold), strict=True):
            flags.setdefault(self.accounts[row], {}).setdefault(int(column), self.services[row])
        found = []
        for account, marked in flags.items():
            if self.monthly:
                months: dict[tuple[int, int], int] = {}
                for t in sorted(marked):
                    months.setdefault((self.days[t].year, self.days[t].month), t)
                groups = [[(self.days[t], 0.0)] for t in months.values()]
            else:
                groups = merged([(self.days[t], 0.0) for t in marked])
            for group in groups:
                begin, end = group[0][0], group[-1][0]
                service = marked[(begin - self.days[0]).days]
                found.append(Alert(account, begin, end, begin, service))
        return found


def scored(rival: Rival, world: World, *, by_service: bool) -> Scored:
    """Runs a rule over a world, on accounts alone or on their services as well."""
    names, services, rows = [], [], []
    for account, found in world.usage.items():
        names.append(account)
        services.append("")
        rows.append(np.array(world.totals(account)))
        for service, amounts in found.items() if by_service else ():
            names.append(account)
            services.append(service)
            rows.append(np.array(amounts))
    days, x = list(world.span), np.array(rows)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        scores, expected = rival.rule(x, days)
        scores = np.where(x - expected >= FLOOR, scores, np.nan)
        scores[:, :SCORED_FROM] = np.nan
    return Scored(days, names, services, scores, rival.monthly)
