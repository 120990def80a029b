"""A crossed threshold as an anomaly: at most one per account and calendar month."""

from datetime import date, datetime

from services.domain import AccountFigures, Anomaly, SourceName


def anomaly_id(source: SourceName, account_id: str, figures: AccountFigures) -> str:
    """The ID of a threshold anomaly, fixed by the month that is compared."""
    return f"threshold-{source}-{account_id}-{figures.window.current.first:%Y-%m}"


def evaluate_threshold(
    source: SourceName,
    account_id: str,
    figures: AccountFigures,
    now: datetime,
    installed_through: date | None = None,
) -> Anomaly | None:
    """The anomaly of a breach; None when usage is within the threshold.

    ``installed_through``: the last complete day when the agent was installed.
    """
    if figures.breach is None:
        return None
    return Anomaly(
        id=anomaly_id(source, account_id, figures),
        kind="threshold",
        source=source,
        account_id=account_id,
        service=figures.breach.service,
        start=figures.window.current.first,
        last=figures.window.current.last,
        excess=figures.breach.excess,
        currency=figures.currency,
        raised_at=now,
        updated_at=now,
        found_at_install=installed_through is not None
        and figures.data_through <= installed_through,
    )
