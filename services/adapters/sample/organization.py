"""The made-up organization: its accounts, teams, services and what happens in them."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Literal

from services.domain import Month, Team

Kind = Literal["spike", "shift", "drop"]

EVENTS_A_MONTH = 14
SHORT_IDS = 3
"""One in seven account IDs begins with three zeros, as a spreadsheet would drop them."""
TEAM_NAMES = (
    *("Checkout", "Payments", "Search", "Catalog", "Inventory", "Pricing", "Orders", "Returns"),
    *("Shipping", "Warehouse", "Loyalty", "Identity", "Accounts", "Notifications", "Messaging"),
    *("Recommendations", "Personalisation", "Ranking", "Ads", "Campaigns", "Email", "Web"),
    *("Mobile iOS", "Mobile Android", "Design System", "Content", "Media", "Images", "Video"),
    *("Streaming", "Data Platform", "Data Science", "Machine Learning", "Feature Store"),
    *("Analytics", "Reporting", "Billing", "Invoicing", "Tax", "Fraud", "Risk", "Compliance"),
    *("Security", "Secrets", "Audit", "Networking", "Edge", "DNS", "Load Balancing", "Platform"),
    *("Kubernetes", "Build", "Release", "Observability", "Logging", "Metrics", "Tracing"),
    *("On-Call", "Databases", "Caching", "Queues", "Storage", "Backup", "Disaster Recovery"),
    *("Partner API", "Public API", "Integrations", "Webhooks", "Support Tools", "CRM", "Sales"),
    *("HR Systems", "Finance Systems", "Procurement", "Legal Tools", "Facilities", "IoT"),
    *("Robotics", "Maps", "Geocoding", "Translation", "Speech", "Research", "Sandbox", "Archive"),
)
SERVICES = (
    *("EC2", "RDS", "S3", "Lambda", "CloudFront", "DynamoDB", "EKS", "ElastiCache", "NAT Gateway"),
    *("CloudWatch", "Redshift", "OpenSearch", "SQS", "Athena", "Bedrock"),
)
UNMAPPED = {"000000000913": "sandbox-legacy", "731900000002": "acquired-shop"}
QUIET_TEAM, SILENT_TEAM = 48, 83


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """A labeled change of one service of one account: its usage times ``factor``, first to last."""

    account_id: str
    service: str
    kind: Kind
    first: date
    last: date
    factor: float


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)


@cache
def account_of(number: int) -> str:
    """The account ID of a sample team; some begin with zeros."""
    return f"{int(chance('account', number) * 10 ** (9 if number % 7 == SHORT_IDS else 12)):012d}"


def sample_teams(now: datetime) -> list[Team]:
    """84 teams, one account each; addresses are in a domain reserved for examples."""
    return [
        Team(
            id=f"sample-{number:02d}",
            team_name=name,
            aws_account_id=account_of(number),
            team_email=f"{name.lower().replace(' ', '-')}@example.com",
            admin_emails=("lead@example.com",) if number % 12 == 0 else (),
            sample=True,
            created_at=now,
            updated_at=now,
        )
        for number, name in enumerate(TEAM_NAMES[:84])
    ]


def sample_events(month: Month) -> list[SampleEvent]:
    """The labeled events that begin in a month: always the same for the same month.

    EC2 grows at Checkout and at Payments in turn, so every day has something to show; the others
    hit accounts and services by chance, the lasting ones early and a large service.
    """
    first = month.span.first

    def event(
        number: int, service: str, kind: Kind, begin: int, days: int, factor: float
    ) -> SampleEvent:
        start = first + timedelta(days=begin)
        return SampleEvent(
            account_of(number), service, kind, start, start + timedelta(days=days - 1), factor
        )

    events = [event(month.number % 2, "EC2", "shift", 1, 26, 2.2)]
    for k in range(EVENTS_A_MONTH):
        shifts = k < EVENTS_A_MONTH // 2
        begin = 1 + int((6 if shifts else 18) * chance(month, k, "begin"))
        number = 1 + int(80 * chance(month, k, "account"))
        service = SERVICES[int((3 if shifts else 8) * chance(month, k, "service"))]
        roll = chance(month, k, "factor")
        if shifts:
            events.append(event(number, service, "shift", begin, 14 + 2 * k, 1.8 + 1.6 * roll))
        elif k < EVENTS_A_MONTH - 2:
            events.append(event(number, service, "spike", begin, 1 + k % 2, 6 + 8 * roll))
        else:
            events.append(event(number, service, "drop", begin, 15, 0.1 + 0.2 * roll))
    return events
