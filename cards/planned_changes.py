"""The card of a planned change."""

from cards.elements import Element, bold, card, execute, plain, text
from services.domain import PlannedChange, Team
from services.domain.formatting import day_range, percent


def planned_change_added(change: PlannedChange, team: Team) -> Element:
    """Confirms a planned change and offers to undo it."""
    days = day_range(change.first, change.last, year=True)
    reason = f": {plain(change.reason, 200)}" if change.reason else ""
    return card(
        [
            text(
                bold("PLANNED"),
                f" {plain(team.team_name, 60)} {percent(change.percent)}, {days}, by "
                f"{plain(change.by, 60)}{reason}",
            ),
            text(
                "Usage that grows by no more than this raises no alert. The report compares actual "
                "growth with the planned change.",
                isSubtle=True,
            ),
        ],
        [execute("Undo", "plan.cancel", {"entry": change.id, "team": team.id})],
    )
