"""What reports and cards say about data that is late or has stopped arriving."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.domain import AccountFigures, DataState, LateAccount, MissingData, Spent
from services.domain.formatting import (
    cents,
    change,
    day,
    day_range,
    listed,
    money,
    moved,
    neutral,
    percent_of,
    plural,
    weekday,
)

MAX_LATE = 5
DAYS_WITHOUT_COSTS = 7
"""After so many days without costs, a report says when the last ones were."""
MAX_NAME = 60


def no_data_title(figures: AccountFigures) -> str:
    """``No AWS cost data since 12 Nov``, or that too few days of a late account have arrived."""
    if figures.state is DataState.LEFT_OUT:
        return f"AWS cost data is late, complete through {day(figures.through)}"
    return f"No AWS cost data{_since(figures.last_day)}"


def no_data_subject(figures: AccountFigures) -> str:
    """The same, after the team's name."""
    if figures.state is DataState.LEFT_OUT:
        return f"cost data is late, complete through {day(figures.through)}"
    return f"no AWS cost data{_since(figures.last_day)}"


def no_data_words(figures: AccountFigures) -> str:
    """``The last day with costs was Wed 11 Nov. Cost 1–11 Nov: $68,725.00.``, and why no more."""
    last = figures.last_day
    if last is None:
        return "No costs have been read for this account yet."
    sentences = [f"The last day with costs was {weekday(last)}."]
    if figures.spent is not None:
        sentences.append(f"{spent_words(figures.spent, figures.currency)}.")
    if figures.state is DataState.LEFT_OUT:
        month = f"{figures.data_through:%B}"
        sentences.append(f"Too few days of {month} have arrived to compare them.")
    return " ".join(sentences)


def spent_words(spent: Spent, currency: str) -> str:
    """``Cost 1–11 Nov: $68,725.00``."""
    return f"Cost {day_range(spent.first, spent.last)}: {money(spent.amount, currency)}"


def _since(last: date | None) -> str:
    return f" since {day(last + timedelta(days=1))}" if last else ""


def arrival_note(state: DataState, last: date | None) -> str:
    """``no data since 12 Nov``, ``data through 16 Nov``; empty where nothing is missing."""
    if state is DataState.SILENT:
        return f"no data{_since(last)}" if last else "no data yet"
    if state is DataState.CURRENT or last is None:
        return ""
    return f"data through {day(last)}"


def last_cost_words(figures: AccountFigures) -> str:
    """`` · last cost on 1 Nov``, where an account that is not regular had none for a week."""
    last = figures.last_day
    if figures.state is not DataState.CURRENT or last is None:
        return ""
    is_recent = (figures.data_through - last).days < DAYS_WITHOUT_COSTS
    return "" if is_recent else f" · last cost on {day(last)}"


def late_lines(late: Sequence[LateAccount]) -> list[str]:
    """How many accounts of a total are late, which, and what that means for the total."""
    own = [account for account in late if not account.left_out]
    left_out = [account for account in late if account.left_out]
    lines = []
    if own:
        verb = (
            "is late and compared over its"
            if len(own) == 1
            else "are late and compared over their"
        )
        lines.append(f"{plural(len(own), 'account')} {verb} own days: {_late_names(own)}.")
    if left_out:
        is_one = len(left_out) == 1
        verbs = ("is late, has", "counts") if is_one else ("are late, have", "count")
        lines.append(
            f"{plural(len(left_out), 'account')} {verbs[0]} too few days to compare, and "
            f"{verbs[1]} in no total: {_late_names(left_out)}."
        )
    return lines


def _late_names(accounts: Sequence[LateAccount]) -> str:
    names = [
        f"{neutral(account.name, MAX_NAME)} through {day(account.last_day)}"
        for account in accounts[:MAX_LATE]
    ]
    if others := len(accounts) - len(names):
        names.append(f"{others:,} more")
    return listed(names)


def without_missing(
    missing: MissingData | None, current: Decimal, previous: Decimal
) -> tuple[Decimal, Decimal]:
    """What the printed totals are without the silent accounts whose costs fell."""
    if missing is None:
        return current, previous
    return current - cents(missing.current), previous - cents(missing.previous)


def missing_words(
    missing: MissingData | None, current: Decimal, previous: Decimal, currency: str
) -> str:
    """Say which part of a change is missing data, and what the change is without it."""
    if missing is None:
        return ""
    fall = change(moved(missing.current, missing.previous), currency)
    now, before = without_missing(missing, current, previous)
    rest = now - before
    if rest == 0:
        verdict = "unchanged"
    else:
        share = percent_of(now, before)
        amount = money(abs(rest), currency)
        verdict = f"{'up' if rest > 0 else 'down'} {amount}{f' ({share})' if share else ''}"
    return (
        f"The change includes {fall} of missing data from "
        f"{plural(missing.accounts, 'silent account')}; without it, costs are {verdict}."
    )
