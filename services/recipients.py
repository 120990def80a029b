"""Who gets which report."""

from collections.abc import Sequence

from services.config import Config
from services.model import FrozenReport, SourceName, StoredConfig, Team
from services.ports import Clock, TeamStore

SAMPLE_ADMIN = "finance-admins@example.com"
"""Who gets the admin report of sample costs while no admin is set (an example domain)."""


def team_recipients(team: Team) -> list[str]:
    """Who gets a team's report: the team's address and its admins, each address once."""
    return once([team.team_email, *team.admin_emails])


def admin_recipients(config: StoredConfig, source: SourceName) -> list[str]:
    """Who gets the consolidated report."""
    admins = once(config.global_admin_emails)
    return [SAMPLE_ADMIN] if not admins and source == "sample" else admins


def once(addresses: Sequence[str]) -> list[str]:
    """Each address once, however its letters are cased."""
    found: dict[str, str] = {}
    for address in addresses:
        found.setdefault(address.casefold(), address)
    return list(found.values())


class Recipients:
    """Looks again, before each mail, whether it is still to go to its recipient."""

    def __init__(self, teams: TeamStore, config: Config, clock: Clock) -> None:
        self._teams = teams
        self._config = config
        self._clock = clock

    async def still_wanted(self, report: FrozenReport, recipient: str) -> bool:
        """False when the team or the address was removed since the run was planned."""
        if report.team_id is not None:
            team = await self._teams.get(report.team_id)
            wanted = team_recipients(team) if team is not None else []
        else:
            config = await self._config.stored(self._clock())
            wanted = admin_recipients(config, report.source)
        return recipient.casefold() in {address.casefold() for address in wanted}
