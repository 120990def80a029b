"""Responses about the stored settings."""

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
