"""The preview JSON of a report: money as strings with two decimals, days as ISO dates.

Its keys are part of the REST API, and of stored reports, from which restatements are computed.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.domain import (
    AdminReport,
    Anomaly,
    RenderedReport,
    ServiceChange,
    SpanDays,
    TeamReport,
    WindowDays,
)
from services.domain.formatting import one_decimal, plain_money


def team_preview(report: TeamReport, rendered: RenderedReport) -> dict[str, object]:
    figures = report.figures
    return {
        **_email(rendered),
        "currency": figures.currency,
        "data_through": figures.data_through.isoformat(),
        "window": _window(figures.window),
        "current_total": plain_money(figures.current_total),
        "previous_total": plain_money(figures.previous_total),
        "change_percent": _percent(figures.change_percent),
        "usage_current": plain_money(figures.usage_current),
        "usage_previous": plain_money(figures.usage_previous),
        "services": _services(figures.services),
        "anomalies": [_anomaly(anomaly) for anomaly in report.anomalies],
        "sample": report.sample,
    }


def admin_preview(report: AdminReport, rendered: RenderedReport) -> dict[str, object]:
    return {
        **_email(rendered),
        "currency": report.currency,
        "data_through": report.data_through.isoformat(),
        "window": _window(report.window),
        "current_total": plain_money(report.current_total),
        "previous_total": plain_money(report.previous_total),
        "change_percent": _percent(report.change_percent),
        "usage_current": plain_money(report.usage_current),
        "usage_previous": plain_money(report.usage_previous),
        "services": _services(report.services),
        "anomalies": [_anomaly(line.anomaly) for line in report.anomalies],
        "sample": report.sample,
        "teams": [
            {
                "id": line.id,
                "team_name": line.team_name,
                "aws_account_id": line.aws_account_id,
                "current": plain_money(line.current),
                "previous": plain_money(line.previous),
                "change_percent": _percent(line.change_percent),
            }
            for line in report.teams
        ],
        "unmapped_accounts": [
            {
                "aws_account_id": account.aws_account_id,
                "account_name": account.account_name,
                "current": plain_money(account.current),
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


def _percent(value: Decimal | None) -> float | None:
    return None if value is None else float(one_decimal(value))


def _services(services: Sequence[ServiceChange]) -> list[dict[str, str]]:
    return [
        {
            "name": service.name,
            "current": plain_money(service.current),
            "previous": plain_money(service.previous),
        }
        for service in services
    ]


def _anomaly(anomaly: Anomaly) -> dict[str, Any]:
    return {
        "id": anomaly.id,
        "kind": anomaly.kind,
        "service": anomaly.service,
        "start": anomaly.start.isoformat(),
        "end": anomaly.end.isoformat() if anomaly.end else None,
        "excess": plain_money(anomaly.excess),
        "status": anomaly.status,
    }
