"""Sentences and lines that emails, cards and the command line share, ready to print."""

from datetime import date
from decimal import Decimal

from services.domain import (
    AccountFigures,
    Anomaly,
    Forecast,
    Month,
    Restatement,
    TeamReport,
    TrackRecord,
    WeekFigures,
    WindowDays,
)
from services.domain.formatting import (
    NO_CHANGE,
    bare_percent,
    day,
    day_range,
    money,
    moved,
    neutral,
    one_decimal,
    percent,
    percent_moved,
    percent_of,
    plural,
    round_money,
    threshold,
)

SAMPLE_NOTICE = "SAMPLE DATA. These are not your costs."
MAX_HEADLINE = 90
MAX_METRIC = 60


def crossing(figures: AccountFigures, whose: str = "your") -> str:
    """``Usage up 23.5%, above your 20% threshold``; empty when no threshold was crossed."""
    if figures.breach is None:
        return ""
    limit = f"{whose} {threshold(figures.threshold)} threshold"
    percent_up = percent_moved(figures.usage_current, figures.usage_previous)
    if percent_up is None:
        return f"Usage is all new spend, above {limit}"
    # The exact percentage is above the threshold; the printed one may be rounded down to it.
    if one_decimal(percent_up) <= Decimal(repr(figures.threshold)):
        return f"Usage up by just over {limit}"
    return f"Usage up {bare_percent(percent_up)}, above {limit}"


def week_line(week: WeekFigures, currency: str, *, is_late: bool = False) -> str:
    """``Last 7 days: $7,860.16 vs $5,390.18 (+45.8%)``; of a late account, its own last days."""
    days = f"7 days through {day(week.days[-1].day)}" if is_late else "Last 7 days"
    is_same = moved(week.current, week.previous) == 0
    share = NO_CHANGE if is_same else percent_of(week.current, week.previous, is_new=week.is_new)
    return (
        f"{days}: {money(week.current, currency)} vs {money(week.previous, currency)}"
        f"{f' ({share})' if share else ''}"
    )


def window_line(window: WindowDays, previous_total: Decimal, currency: str) -> str:
    """``1–20 Nov 2026 vs 1–20 Oct 2026 ($14,873.20)``."""
    current, previous = window.current, window.previous
    amount = money(previous_total, currency)
    if window.closed_months:
        is_same_year = current.first.year == previous.first.year
        month = f"{current.first:%B}" if is_same_year else f"{current.first:%B %Y}"
        return f"{month} vs {previous.first:%B %Y} ({amount})"
    return (
        f"{day_range(current.first, current.last, year=True)} vs "
        f"{day_range(previous.first, previous.last, year=True)} ({amount})"
    )


def days_line(window: WindowDays, data_through: date, currency: str, metric: str) -> str:
    """``20 complete days each · data through 20 Nov (UTC) · USD, net amortized``."""
    current = (window.current.last - window.current.first).days + 1
    previous = (window.previous.last - window.previous.first).days + 1
    days = (
        f"{current} and {previous} days"
        if window.closed_months
        else f"{plural(current, 'complete day')} each"
    )
    return f"{days} · data through {day(data_through)} (UTC) · {unit_words(currency, metric)}"


def unit_words(currency: str, metric: str) -> str:
    """What amounts are: ``USD, net amortized``; the currency alone if no metric is known."""
    return f"{currency}, {neutral(metric, MAX_METRIC)}" if metric else currency


def period_names(window: WindowDays) -> tuple[str, str]:
    """Short names of both parts: ``1–20 Nov`` and ``1–20 Oct``, or ``October``, ``September``."""
    if window.closed_months:
        return f"{window.current.first:%B}", f"{window.previous.first:%B}"
    return (
        day_range(window.current.first, window.current.last),
        day_range(window.previous.first, window.previous.last),
    )


def month_end_line(
    forecast: Forecast | None,
    spent: Decimal | None,
    data_through: date,
    currency: str,
    record: TrackRecord | None = None,
) -> str:
    """The forecast of the month's total; with ``record`` also how past forecasts turned out.

    Without a forecast, what is spent in the month up to ``data_through``; empty when the month is
    complete.
    """
    month = Month.of(data_through)
    if forecast is None:
        if spent is None or data_through == month.span.last:
            return ""
        return (
            f"Spent so far in {data_through:%B}: {money(spent, currency)}. The cost history is too "
            "short or too irregular for a reliable month-end forecast."
        )
    amount, low, high = _forecast_amounts(forecast, spent, currency)
    sentence = f"Month-end forecast: {amount} (80% range {low} to {high})"
    accuracy = record_line(record, month) if record else ""
    return f"{sentence}. {accuracy}" if accuracy else sentence


def _forecast_amounts(forecast: Forecast, spent: Decimal | None, currency: str) -> list[str]:
    """Amount, low, and high; with cents where the rounded low would be below what is spent."""
    exact = spent is not None and forecast.low.quantize(Decimal(1)) < spent <= forecast.low
    form = money if exact else round_money
    return [form(value, currency) for value in (forecast.amount, forecast.low, forecast.high)]


def record_line(record: TrackRecord, month: Month) -> str:
    """How far forecasts made on this day before ``month`` were off; empty without any."""
    error = record.typical_error_percent
    if error is None:
        return ""
    number = len(record.months)
    oldest = date.fromisoformat(f"{record.months[-1].forecast.month}-01")
    months = (month.year - oldest.year) * 12 + month.number - oldest.month
    if number == 1:
        when = "last month" if months == 1 else f"in {oldest:%B}"
        verdict = "within" if record.inside else "outside"
        return (
            f"The forecast made on this day {when} was off by {one_decimal(error)}% and "
            f"{verdict} its range."
        )
    return (
        f"Forecasts made on this day in the last {months} months were off by "
        f"{one_decimal(error)}% (median); {record.inside} of {number} were within their range."
    )


def restated_words(restatement: Restatement, currency: str) -> str:
    """``September is now $41,230.10; on 3 Oct we reported $39,800.00 (+3.6%)``."""
    moved_by = restatement.percent
    share = "" if moved_by is None else f" ({percent(moved_by)})"
    return (
        f"{restatement.label} is now {money(restatement.now, currency)}; on "
        f"{day(restatement.reported_on)} we reported {money(restatement.reported, currency)}"
        f"{share}."
    )


def late_notice(data_through: date, expected: date) -> str | None:
    """Say that data is late; None when it is on time."""
    if data_through >= expected:
        return None
    return (
        f"Data is late: complete through {day(data_through)}, normally {day(expected)} by now. "
        "Nothing later is compared."
    )


def learning_notice(report: TeamReport) -> str | None:
    """``Learning, 12 of 35 days. Only large jumps alert.``; None once enough is known."""
    if not report.has_detected:
        return "Not checked for anomalies yet. That follows when the cost history has been read."
    if not report.learning:
        return None
    if report.figures.learning_day is None:
        return f"Learning: {report.learning} of the cost history have been read."
    return f"Learning, {report.learning}. Only large jumps alert."


def anomaly_days(anomaly: Anomaly) -> str:
    """``since 5 Nov``, ``4–16 Nov`` once it is over; the compared days of a crossed threshold."""
    if anomaly.kind == "threshold":
        if anomaly.last is None:
            return f"{anomaly.start:%B}"
        return day_range(anomaly.start, anomaly.last)
    if anomaly.end is not None:
        return day_range(anomaly.start, anomaly.end)
    return f"since {day(anomaly.start)}"


def headline(text: str, max_length: int = MAX_HEADLINE) -> str:
    """A headline, cut off with an ellipsis."""
    return text if len(text) <= max_length else f"{text[: max_length - 1].rstrip()}…"
