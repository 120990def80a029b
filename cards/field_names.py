"""What people call stored fields, in forms, errors and the audit trail."""

from collections.abc import Mapping, Sequence

from cards.elements import plain

TEAM_FIELDS = {
    "team_name": "Name",
    "aws_account_id": "AWS account ID",
    "team_email": "Email",
    "admin_emails": "Admin emails",
    "anomaly_threshold": "Threshold",
}
AUDITED_FIELDS = {
    "anomaly_threshold": "threshold",
    "min_increase": "minimum increase",
    "global_admin_emails": "admin addresses",
    "schedule_day": "day",
    "schedule_hour": "hour",
    "schedule_timezone": "time zone",
    "team_name": "name",
    "aws_account_id": "account",
    "team_email": "email",
    "admin_emails": "admins",
    "floor": "alert minimum",
}
MAX_ERRORS = 8


def team_errors(errors: Sequence[tuple[str, str]]) -> list[str]:
    """Errors (field, reason) of a team, each field named as in the form."""
    return [_error(TEAM_FIELDS, field, reason) for field, reason in errors[:MAX_ERRORS]]


def setting_errors(errors: Sequence[tuple[str, str]]) -> list[str]:
    """Errors (field, reason) of settings, without a full stop."""
    return [_error(AUDITED_FIELDS, field, reason).rstrip(".") for field, reason in errors]


def _error(names: Mapping[str, str], field: str, reason: str) -> str:
    return f"{names.get(field, field)} {plain(reason, 200)}".strip()
