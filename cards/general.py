"""Cards of every conversation: welcome, help, what went wrong, and which of several."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from cards.elements import (
    Element,
    below_each_other,
    bold,
    card,
    choice_input,
    execute,
    heading,
    note,
    notice,
    plain,
    section,
    text,
)
from services.model import Role
from services.rendering.blocks import SAMPLE_NOTICE, late_notice

MOST_BUTTONS = 5
LONGEST_TITLE = 38
"""Letters of a button that a phone shows."""
MOST_CHOICES = 50
MOST_NAMES = 10
Choice = tuple[str, str, Mapping[str, Any]]
HelpLine = tuple[str, str]
"""How a command is written, in all its forms, and what it does."""


def sample_notice(sample: bool) -> Element | None:
    """The notice that stands first on every card made from sample costs."""
    return notice(SAMPLE_NOTICE) if sample else None


def late(data_through: date, expected: date) -> Element | None:
    """The notice of a card whose data is late."""
    words = late_notice(data_through, expected)
    return notice(words) if words else None


def welcome(
    kind: Literal["personal", "group", "channel"], source_title: str, sample: bool
) -> Element:
    """The first card in a conversation."""
    here = "" if kind == "personal" else " Mention me before each command."
    where = "in a channel, write " if kind == "personal" else "in this conversation, write "
    there = " there." if kind == "personal" else "."
    return card(
        [
            sample_notice(sample),
            heading("AWS costs, checked daily, reported weekly"),
            text(
                f"I read what your AWS accounts cost from {source_title}, mail every "
                f"team its weekly report, and say when something grows that should not.{here}"
            ),
            text(f"To get anomaly alerts {where}", bold("alerts here"), there),
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
    """What the reader may do, a line each, under the headings of their groups."""
    body: list[Element | None] = [
        sample_notice(sample),
        heading("What you can write"),
        note("You are an admin." if role == "admin" else "You are a viewer; admins can do more."),
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


def _help_line(usage: str, does: str) -> Element:
    forms = usage.split(", ")
    run = {"type": "TextRun", "text": f"  {does}", "isSubtle": True}
    return text(bold(forms[0]), *(f", {form}" for form in forms[1:]), run, spacing="Small")


def unknown(typed: str, closest: str | None) -> Element:
    """No command fits; the closest one is offered."""
    said = f"I do not know “{plain(typed, 60)}”." if typed else "What can I do for you?"
    body = [text(said, weight="Bolder")]
    actions = [execute("Help", "help"), execute("See teams", "teams")]
    if closest:
        body.append(text("Did you mean ", bold(closest), "?"))
        actions.insert(0, execute(f"Run {closest}", "command", {"text": closest}))
    return card(body, actions)


def denied(what: str, admins: Sequence[str]) -> Element:
    """Only admins can do this; who they are."""
    names = [plain(name, 40) for name in admins[:MOST_NAMES]]
    if more := len(admins) - len(names):
        names.append(f"{more:,} more")
    who = f" Admins: {', '.join(names)}." if names else ""
    return card([text(f"Only admins can do this: {what}.{who}")])


def error(words: str, reference: str = "") -> Element:
    """What happened, what was not done, the next step."""
    ref = note(f"Ref {reference}") if reference else None
    return card([text(plain(words, 600)), ref], [execute("Status", "status")])


def working(words: str) -> Element:
    """An answer is on its way."""
    return card([text(words, isSubtle=True)])


def closed(words: str, actions: Sequence[Element] = ()) -> Element:
    """An answered question or a finished form: a sentence in its place."""
    return card([text(plain(words, 600))], actions)


def _choice(name: str, verb: str, data: Mapping[str, Any]) -> list[Element]:
    """A button; a name that it would cut off stands above it."""
    shown = plain(name, 80)
    if len(shown) <= LONGEST_TITLE:
        return below_each_other([execute(shown, verb, data)])
    return [text(shown), *below_each_other([execute("Choose this one", verb, data)])]


def which(typed: str, choices: Sequence[Choice]) -> Element:
    """Several fit: buttons, or a list to choose from when there are many."""
    if not choices:
        said = f"No team fits “{plain(typed, 60)}”." if typed else "Say which team."
        return card([text(said)], [execute("See teams", "teams")])
    title = f"“{plain(typed, 60)}” fits {len(choices):,} teams:" if typed else "Which team?"
    if len(choices) <= MOST_BUTTONS:
        return card([text(title), *(one for choice in choices for one in _choice(*choice))])
    _, verb, first = choices[0]
    shown = choices[:MOST_CHOICES]
    listing = choice_input(
        "team", "Team", [(plain(name, 80), str(data["team"])) for name, _, data in shown]
    )
    kept = {key: value for key, value in first.items() if key != "team"}
    more = len(choices) - len(shown)
    cut = note(f"and {more:,} more; write more of the name to see them") if more else None
    return card([text(title), listing, cut], [execute("Show", verb, kept, inputs=True)])
