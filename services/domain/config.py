"""The settings that are stored in the database."""

from datetime import datetime
from typing import Literal

from services.domain.base import Value


class StoredConfig(Value):
    """Settings that admins change while the agent runs."""

    anomaly_threshold: float = 20.0
    """Percent."""
    min_increase: float = 25.0
    """Money, in the source's currency."""
    schedule_day: Literal[
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = "monday"
    schedule_hour: int = 9
    schedule_timezone: str = "UTC"
    global_admin_emails: tuple[str, ...] = ()
    smtp_host: str | None = None
    smtp_port: int | None = None
    smtp_user: str | None = None
    smtp_password_encrypted: str | None = None
    sender_email: str | None = None
    schedule_since: datetime | None = None
    """First start or last schedule change: the scheduler runs no slot before it."""
    owed: tuple[tuple[str, datetime], ...] = ()
    """(period, slot) of former schedules that came due so shortly before a schedule change that the
    scheduler may not have started them yet."""
    version: int = 0
