"""What a look at all external systems came to, and what of it still holds later."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    system: str
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """The findings of one look at everything."""

    at: datetime
    mongodb: Finding
    costs: Finding
    email: Finding
    teams: Finding
    disk: Finding
    clock: Finding
    names: tuple[Finding, ...] = ()
    """The names that several teams have."""

    @property
    def findings(self) -> list[Finding]:
        systems = [self.mongodb, self.costs, self.email, self.teams, self.disk, self.clock]
        return [*systems, *self.names]

    def problems(self, costs_read: datetime | None, email_sent: datetime | None) -> list[Finding]:
        """What did not work, unless it has worked since: costs were read, or an email was sent."""
        worked = {self.costs: costs_read, self.email: email_sent}
        return [
            finding
            for finding in self.findings
            if not finding.ok and not is_newer(worked.get(finding), self.at)
        ]


def is_newer(instant: datetime | None, than: datetime) -> bool:
    return instant is not None and instant > than
