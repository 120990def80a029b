"""Cards of every conversation: welcome, help, errors, and the choice between several teams."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cards.elements import (
    Element,
    bold,
    card,
    choice_input,
    execute,
    heading,
    note,
    plain,
    section,
    stacked,
    text,
)
from cards.notices import sample_notice
from services.domain import Role, Team

MAX_CHOICE_BUTTONS = 5
MAX_BUTTON_TITLE = 38
"""Characters of a title that a button shows on a phone."""
MAX_CHOICES = 50
MAX_NAMES = 10
Choice = tuple[str, str, Mapping[str, Any]]
"""Name, verb and data of a button."""
HelpLine = tuple[str, str]
"""A command in all its forms, and what it does."""


def welcome(
    kind: Literal["personal", "group", "channel"], source_title: str, sample: bool
) -> Element:
    """The first card in a conversation."""
    mention = "" if kind == "personal" else " Mention me before each command."
    if kind == "personal":
        alerts = text(
            "To get anomaly alerts in a channel, write ", bold("alerts here"), " in that channel."
        )
    else:
        alerts = text(
            "To get anomaly alerts in this conversation, write ", bold("alerts here"), "."
        )
    return card(
        [
            sample_notice(sample),
            heading("AWS costs, checked daily, reported weekly"),
            text(
                f"I read your AWS costs from {source_title}, email each team a weekly report, and "
                f"flag costs that grow more than expected.{mention}"
            ),
            alerts,
        ],
        [
            execute("See teams", "teams"),
            execute("Preview", "preview"),
            execute("Help", "help"),
        ],
    )


def help_card(
    groups: Sequence[tuple[str, Sequence[HelpLine]]], role: Role, sample: bool
) -> Element:
    """The commands that the reader may use, in groups (title, lines)."""
    is_admin = role == "admin"
    body: list[Element | None] = [
        sample_notice(sample),
        heading("Commands"),
        note("You are an admin." if is_admin else "You are a viewer. Admins can do more."),
    ]
    for title, lines in groups:
        if lines:
            body.append(section(title))
            body += [_help_line(*line) for line in lines]
    return card(
        body,
        [
            execute("Teams", "teams"),
            execute("Anomalies", "anomalies"),
            execute("Status", "status"),
        ],
    )


def _help_line(usage: str, description: str) -> Element:
    forms = usage.split(", ")
    run = {"type": "TextRun", "text": f"  {description}", "isSubtle": True}
    return text(bold(forms[0]), *(f", {form}" for form in forms[1:]), run, spacing="Small")


def unknown_command(typed: str, meant: str | None, team: Team | None = None) -> Element:
    """No command matches; the command that was ``meant`` is offered, or to explain a ``team``."""
    shown = plain(typed, 60)
    words = f"I don't recognize “{shown}”." if shown else "How can I help?"
    body = [text(words, weight="Bolder")]
    actions = [execute("Help", "help"), execute("See teams", "teams")]
    if meant:
        body.append(text("Did you mean ", bold(plain(meant, 80)), "?"))
        title = plain(f"Run {meant}", MAX_BUTTON_TITLE)
        actions.insert(0, execute(title, "command", {"text": meant}))
    elif team:
        name = plain(team.team_name, 60)
        body.append(text("Did you mean ", bold(f"explain {name}"), "?"))
        title = plain(f"Explain {name}", MAX_BUTTON_TITLE)
        actions.insert(0, execute(title, "explain", {"team": team.id}))
    return card(body, actions)


def permission_denied(action: str, admins: Sequence[str]) -> Element:
    """Says that only admins can do this ("import teams"), and who they are."""
    names = [plain(name, 40) for name in admins[:MAX_NAMES]]
    if more := len(admins) - len(names):
        names.append(f"{more:,} more")
    who = f" Admins: {', '.join(names)}." if names else ""
    return card([text(f"Only admins can do this: {action}.{who}")])


def error(words: str, suggestions: Sequence[str] = ("status",)) -> Element:
    """What happened, what was not done, and the commands that help: the next steps."""
    actions = [execute(name.capitalize(), "command", {"text": name}) for name in suggestions]
    return card([text(plain(words, 600))], actions)


def working(words: str) -> Element:
    """Acknowledges a command whose reply takes longer."""
    return card([text(words, isSubtle=True)])


def closed(words: str, actions: Sequence[Element] = ()) -> Element:
    """A sentence in place of an answered question or a finished form."""
    return card([text(plain(words, 600))], actions)


def setting_saved(words: str, by: str, entry: str | None) -> Element:
    """A setting was changed; Undo while its audit entry can be undone."""
    return card(
        [text(f"{plain(words, 300)} Saved by {plain(by, 60)}.")],
        [execute("Undo", "undo", {"entry": entry})] if entry else [],
    )


def team_choice(typed: str, choices: Sequence[Choice]) -> Element:
    """Several teams match: buttons, or a list to choose from if there are many."""
    if not choices:
        words = f"No team matches “{plain(typed, 60)}”." if typed else "No teams yet."
        return card([text(words)], [execute("See teams", "teams")])
    title = f"“{plain(typed, 60)}” matches {len(choices):,} teams:" if typed else "Which team?"
    if len(choices) <= MAX_CHOICE_BUTTONS:
        buttons = (element for choice in choices for element in _choice_button(*choice))
        return card([text(title), *buttons])
    _, verb, first = choices[0]
    shown = choices[:MAX_CHOICES]
    listing = choice_input(
        "team", "Team", [(plain(name, 80), str(data["team"])) for name, _, data in shown]
    )
    data = {key: value for key, value in first.items() if key != "team"}
    more = len(choices) - len(shown)
    rest = note(f"and {more:,} more. Type more of the name to narrow the list.") if more else None
    return card([text(title), listing, rest], [execute("Show", verb, data, inputs=True)])


def _choice_button(name: str, verb: str, data: Mapping[str, Any]) -> list[Element]:
    """A button; a name that it would cut off is shown above it."""
    shown = plain(name, 80)
    if len(shown) <= MAX_BUTTON_TITLE:
        return stacked([execute(shown, verb, data)])
    return [text(shown), *stacked([execute("Choose this team", verb, data)])]
