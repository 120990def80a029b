"""The preview JSON of a report: money as strings with two decimals, days as ISO dates.

Every list of amounts adds up to the total: where rounding leaves cents, a line closes it.

Its keys are part of the REST API, and of stored reports, from which restatements are computed.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.analysis.windows import comparison_window, window_days
from services.domain import (
    AdminReport,
    Anomaly,
    ComparedAccount,
    EventAmounts,
    RenderedReport,
    ServiceChange,
    SpanDays,
    TeamReport,
    WindowDays,
    percent_moved,
)
from services.domain.formatting import one_decimal, plain_money
from services.presentation import ROUNDING, remainder
from services.reports.admin import compared_account


def team_preview(report: TeamReport, rendered: RenderedReport) -> dict[str, object]:
    figures = report.figures
    return {
        **_email(rendered),
        "currency": figures.currency,
        "metric": report.metric,
        "data_through": figures.data_through.isoformat(),
        "window": _window(window_days(comparison_window(figures.data_through))),
        "current_total": plain_money(figures.current_total),
        "previous_total": plain_money(figures.previous_total),
        "change_percent": _percent(figures.current_total, figures.previous_total),
        "usage_current": plain_money(figures.usage_current),
        "usage_previous": plain_money(figures.usage_previous),
        "services": _services(figures.services, (figures.current_total, figures.previous_total)),
        "accounts": [_account(compared_account(report.team.aws_account_id, figures))],
        "anomalies": [_anomaly(anomaly) for anomaly in report.anomalies],
        "sample": report.sample,
    }


def admin_preview(report: AdminReport, rendered: RenderedReport) -> dict[str, object]:
    total = report.current_total, report.previous_total
    return {
        **_email(rendered),
        "currency": report.currency,
        "metric": report.metric,
        "data_through": report.data_through.isoformat(),
        "window": _window(report.window),
        "current_total": plain_money(report.current_total),
        "previous_total": plain_money(report.previous_total),
        "change_percent": _percent(*total),
        "usage_current": plain_money(report.usage_current),
        "usage_previous": plain_money(report.usage_previous),
        "services": _services(report.services, total),
        "accounts": [_account(account) for account in report.compared],
        "rounding": _amounts(
            *remainder(total, ((account.current, account.previous) for account in report.compared))
        ),
        "anomalies": [_anomaly(line.anomaly) for line in report.anomalies],
        "sample": report.sample,
        "teams": [
            {
                "id": line.id,
                "team_name": line.team_name,
                "aws_account_id": line.aws_account_id,
                **_amounts(line.current, line.previous),
                "change_percent": _percent(line.current, line.previous),
            }
            for line in report.teams
        ],
        "unmapped_accounts": [
            {
                "aws_account_id": account.aws_account_id,
                "account_name": account.account_name,
                **_amounts(account.current, account.previous),
            }
            for account in report.unmapped
        ],
        "silent_teams": [{"id": team.id, "team_name": team.team_name} for team in report.silent],
    }


def _email(rendered: RenderedReport) -> dict[str, object]:
    return {"subject": rendered.subject, "html": rendered.html, "text": rendered.text}


def _window(window: WindowDays) -> dict[str, object]:
    return {"current": _span(window.current), "previous": _span(window.previous)}


def _span(span: SpanDays) -> dict[str, str]:
    return {"from": span.first.isoformat(), "to": span.last.isoformat()}


def _percent(current: Decimal, previous: Decimal) -> float | None:
    """Of the amounts as printed, as in the email."""
    percent = percent_moved(current, previous)
    return None if percent is None else float(one_decimal(percent))


def _amounts(current: Decimal, previous: Decimal) -> dict[str, str]:
    return {"current": plain_money(current), "previous": plain_money(previous)}


def _services(
    services: Sequence[ServiceChange], total: tuple[Decimal, Decimal]
) -> list[dict[str, str]]:
    """The services, and a line that closes what rounding leaves of the total."""
    lines = [
        {"name": service.name, **_amounts(service.current, service.previous)}
        for service in services
    ]
    rest = remainder(total, ((service.current, service.previous) for service in services))
    return [*lines, {"name": ROUNDING, **_amounts(*rest)}] if any(rest) else lines


def _account(account: ComparedAccount) -> dict[str, object]:
    return {
        "aws_account_id": account.aws_account_id,
        "environment": None,
        **_amounts(account.current, account.previous),
        "window": _window(account.window) if account.window else None,
        "state": account.state.value,
    }


def _anomaly(anomaly: Anomaly) -> dict[str, Any]:
    return {
        "id": anomaly.id,
        "kind": anomaly.kind,
        "service": anomaly.service,
        "start": anomaly.start.isoformat(),
        "end": anomaly.last_day.isoformat() if anomaly.last_day else None,
        "found_at_install": anomaly.found_at_install,
        **_event_amounts(anomaly.amounts),
        "account": _event_amounts(anomaly.account),
        "status": anomaly.status,
    }


def _event_amounts(amounts: EventAmounts) -> dict[str, str | None]:
    """What is not known is null."""
    return {
        "excess": plain_money(amounts.excess),
        "actual": None if amounts.actual is None else plain_money(amounts.actual),
        "expected": None if amounts.expected is None else plain_money(amounts.expected),
    }
