"""The conversations that alerts are sent to."""

from collections.abc import Sequence

from cards.elements import (
    Cell,
    Element,
    bold,
    card,
    crossing,
    execute,
    heading,
    note,
    plain,
    table,
    text,
)
from services.domain import Conversation, Role
from services.domain.formatting import day

MAX_ROWS = 20


def alerts_on(conversation: Conversation) -> Element:
    """Alerts are sent to this conversation."""
    since = day(conversation.alerts_since.date()) if conversation.alerts_since else ""
    by = plain(conversation.alerts_by, 60)
    return card(
        [text(bold("Alerts are sent here"), f" since {since} (turned on by {by}).")],
        [execute("Test", "alerts.test"), execute("Turn off", "alerts.off")],
    )


def alert_conversations(
    registered: Sequence[Conversation], here: Conversation, role: Role
) -> Element:
    """All conversations that alerts are sent to."""
    rows: list[list[Cell]] = [
        [
            (plain(conversation.title or conversation.kind, 60), *_state(conversation)),
            day(conversation.alerts_since.date()) if conversation.alerts_since else "",
            plain(conversation.alerts_by, 40),
        ]
        for conversation in registered[:MAX_ROWS]
    ]
    more = len(registered) - len(rows)
    is_here = any(conversation.id == here.id for conversation in registered)
    actions = []
    if role == "admin":
        actions.append(
            execute("Turn off here", "alerts.off")
            if is_here
            else execute("Send alerts here", "alerts.here")
        )
    columns = [("Conversation", 5, False), ("Since", 3, False), ("Turned on by", 4, False)]
    return card(
        [
            heading("Where alerts are sent"),
            table(columns, rows) if rows else text("Alerts are not sent anywhere yet."),
            note(f"and {more:,} more") if more else None,
        ],
        actions,
    )


def _state(conversation: Conversation) -> list[Element]:
    """In red why alerts no longer reach the conversation."""
    if conversation.state == "active":
        return []
    return [crossing(conversation.state, size="Small", spacing="None")]
