"""Who gets which report."""

from services.administration import Config
from services.domain import SAMPLE, FrozenReport, SourceName, StoredConfig, Team
from services.domain.addresses import unique_addresses
from services.ports import Clock, TeamStore

SAMPLE_ADMIN = "finance-admins@example.com"
"""Gets the admin report of sample costs while no admin is set; an example domain (RFC 2606)."""


def team_recipients(team: Team) -> list[str]:
    """The team's address and its admins, each address once."""
    return unique_addresses([team.team_email, *team.admin_emails])


def admin_recipients(config: StoredConfig, source: SourceName) -> list[str]:
    """The recipients of the consolidated report."""
    admins = unique_addresses(config.global_admin_emails)
    return [SAMPLE_ADMIN] if not admins and source == SAMPLE else admins


class Recipients:
    """Checks again, right before each email, whether it is still to go to its recipient."""

    def __init__(self, teams: TeamStore, config: Config, clock: Clock) -> None:
        self._teams = teams
        self._config = config
        self._clock = clock

    async def is_still_recipient(self, report: FrozenReport, address: str) -> bool:
        """False when the team or the address was removed after the run was planned."""
        if report.team_id is not None:
            team = await self._teams.get(report.team_id)
            recipients = team_recipients(team) if team is not None else []
        else:
            config = await self._config.stored(self._clock())
            recipients = admin_recipients(config, report.source)
        return address.casefold() in {recipient.casefold() for recipient in recipients}
