"""Cards about announced changes."""

from cards.elements import Element, bold, card, execute, plain, text
from services.model import PlannedChange, Team
from services.wording import day_range, percent


def planned(plan: PlannedChange, team: Team) -> Element:
    """A change was announced; the way back."""
    days = day_range(plan.first, plan.last, year=True)
    reason = f": {plain(plan.reason, 200)}" if plan.reason else ""
    return card(
        [
            text(
                bold("PLANNED"),
                f" {plain(team.team_name, 60)} {percent(plan.percent)} {days}, "
                f"{plain(plan.by, 60)}{reason}",
            ),
            text(
                "Usage that grows by no more than this raises no alert; the report compares it "
                "with the plan.",
                isSubtle=True,
            ),
        ],
        [execute("Undo", "plan.cancel", {"entry": plan.id, "team": team.id})],
    )
