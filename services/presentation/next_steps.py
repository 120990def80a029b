"""What the reader of a team's email can do next, and whom to ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from services.domain import TeamReport
from services.domain.formatting import listed, neutral, plural

MAX_CONTACTS = 3
MAX_NAME = 200
"""The longest name that a team can have: a name that is cut off would not find it."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """A sentence, and the command that it is about."""

    text: str
    command: str = ""
    """What to write in Teams; empty if there is nothing to write."""
    link: str = ""
    """Opens the chat with the agent; empty if its app is not known."""


def next_steps(report: TeamReport, app_id: str | None) -> list[NextStep]:
    """How to answer or to learn more in Teams, and whom to ask."""
    steps = []
    name = neutral(report.team.team_name, MAX_NAME)
    if report.anomalies:
        them = plural(len(report.anomalies), "open anomaly", "open anomalies")
        steps.append(
            _in_teams(
                f"To answer the {them} (expected, not an anomaly, or snooze), find the alert and "
                "press a button. Admins can, and members of a channel that got it.",
                f"anomalies {name}",
                app_id,
            )
        )
    if not report.figures.silent:
        steps.append(_in_teams("To see what the change is made of:", f"explain {name}", app_id))
    steps.append(NextStep(_whom_to_ask(report.contacts)))
    return steps


def _in_teams(text: str, command: str, app_id: str | None) -> NextStep:
    return NextStep(text, command, command_link(app_id, command) if app_id else "")


def command_link(app_id: str, command: str) -> str:
    """Open the chat with the agent, with a command in the compose box that the reader sends.

    The format is Microsoft's deep link to a chat; a bot is the user ``28:`` and its app ID
    (msteams-docs, issues 759 and 11653).
    """
    bot = f"28:{quote(app_id, safe='')}"
    return f"https://teams.microsoft.com/l/chat/0/0?users={bot}&message={quote(command, safe='')}"


def _whom_to_ask(contacts: Sequence[str]) -> str:
    shown = [neutral(address) for address in contacts[:MAX_CONTACTS]]
    if more := len(contacts) - len(shown):
        shown.append(f"{more:,} more")
    return f"Questions? Ask your AWS cost admins{': ' if shown else ''}{listed(shown)}."
