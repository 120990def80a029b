"""Responses about the stored settings."""

from pydantic import Field

from api.responses.base import ResponseModel


class ConfigResponse(ResponseModel):
    """The stored settings. The password is never returned."""

    anomaly_threshold: float
    min_increase: float
    schedule_day: str
    schedule_hour: int
    schedule_timezone: str
    global_admin_emails: list[str]
    smtp_host: str
    smtp_port: int | None
    smtp_user: str
    smtp_password_set: bool
    sender_email: str
    skipped_week: str | None = Field(
        None,
        exclude_if=lambda week: week is None,
        description="After a change of the schedule: the current week, if its new time has passed "
        "and nothing will run it. `POST /api/trigger/weekly-report` does.",
    )
