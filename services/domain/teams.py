"""Teams."""

from datetime import datetime

from services.domain.base import Value


class Team(Value):
    """A team, its AWS account and the recipients of its report."""

    id: str
    team_name: str
    aws_account_id: str
    team_email: str
    admin_emails: tuple[str, ...] = ()
    anomaly_threshold: float | None = None
    """The team's own threshold in percent; None: the global one applies."""
    sample: bool = False
    version: int = 1
    created_at: datetime
    updated_at: datetime
