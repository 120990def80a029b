"""Costs for a story: four accounts, one that had a busy week, one that has just grown."""

from datetime import UTC, date, datetime, timedelta

from services.domain import DaySpan
from tests.servers.datadog import Cost

CHECKOUT, SEARCH, PAYMENTS, WAREHOUSE = (
    "100000000001",
    "012345678902",
    "100000000003",
    "100000000004",
)
DAILY = {"ec2": 60.0, "AmazonRDS": 25.0, "s3": 10.0}
WEEKEND = 0.7
DAYS = 240
SPIKE = 40
"""What the newest day costs, as a multiple, where something has just grown."""
BUSY_WEEK, BUSY = range(60, 67), 2.2
"""Days before the last one on which payments cost more, and by how much."""


def last_day() -> date:
    """The newest day that is complete 48 hours after its end."""
    return (datetime.now(UTC) - timedelta(hours=72)).date()


def costs(spike: str) -> list[Cost]:
    """All four accounts up to the last day, on which one of them spends a lot."""
    last = last_day()
    return [
        Cost(day, _amount(account, service, day, spike, last), _tags(account, service))
        for account in (CHECKOUT, SEARCH, PAYMENTS, WAREHOUSE)
        for service in DAILY
        for day in DaySpan(last - timedelta(days=DAYS), last)
    ]


def _amount(account: str, service: str, day: date, spike: str, last: date) -> float:
    level = DAILY[service] * (1 + int(account[-1]) / 4) * (WEEKEND if day.weekday() > 4 else 1)
    wave = 1 + ((day.toordinal() * 7 + len(service)) % 5 - 2) / 50
    grown = SPIKE if (account, service, day) == (spike, "ec2", last) else 1.0
    if account == PAYMENTS and (last - day).days in BUSY_WEEK:
        grown = BUSY
    return round(level * wave * grown, 6)


def _tags(account: str, service: str) -> dict[str, str]:
    return {
        "aws_member_account_id": account,
        "aws_product": service,
        "chargecategory": "usage",
        "billingcurrency": "USD",
    }
