"""Cards of every conversation: welcome, help, what went wrong, and which of several."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from cards.elements import (
    Element,
    card,
    choice_input,
    execute,
    heading,
    notice,
    plain,
    text,
)
from services.model import Role
from services.rendering.blocks import SAMPLE_NOTICE, late_notice
from services.wording import listed

MOST_BUTTONS = 5
Choice = tuple[str, str, Mapping[str, Any]]


def sample_notice(sample: bool) -> Element | None:
    """The notice that stands first on every card made from sample costs."""
    return notice(SAMPLE_NOTICE) if sample else None


def late(data_through: date, expected: date) -> Element | None:
    """The notice of a card whose data is late."""
    words = late_notice(data_through, expected)
    return notice(words) if words else None


def welcome(kind: Literal["personal", "group", "channel"], sample: bool) -> Element:
    """The first card in a conversation."""
    here = "" if kind == "personal" else " Mention me before each command."
    where = (
        "To get anomaly alerts in this conversation, write `alerts here`."
        if kind != "personal"
        else "To get anomaly alerts in a channel, write `alerts here` there."
    )
    return card(
        [
            sample_notice(sample),
            heading("AWS costs, checked daily, reported weekly"),
            text(
                "I read what your AWS accounts cost from Datadog, mail every team its weekly "
                f"report, and say when something grows that should not.{here}"
            ),
            text(where),
        ],
        [
            execute("See teams", "teams"),
            execute("Preview", "preview"),
            execute("Help", "help"),
        ],
    )


def help_card(commands: Sequence[tuple[str, str]], role: Role, sample: bool) -> Element:
    """What the reader may do, a line each."""
    lines = [text(f"**{usage}**  \n{does}", spacing="Small") for usage, does in commands]
    who = "You are an admin." if role == "admin" else "You are a viewer; admins can do more."
    return card(
        [sample_notice(sample), heading("What you can write"), text(who, isSubtle=True), *lines],
        [
            execute("Teams", "teams"),
            execute("Anomalies", "anomalies"),
            execute("Status", "status"),
        ],
    )


def unknown(typed: str, closest: str | None) -> Element:
    """No command fits; the closest one is offered."""
    said = f"I do not know “{plain(typed, 60)}”." if typed else "What can I do for you?"
    body = [text(said, weight="Bolder")]
    if closest:
        body.append(text(f"Did you mean **{closest}**?"))
    return card(body, [execute("Help", "help"), execute("See teams", "teams")])


def denied(what: str, admins: Sequence[str]) -> Element:
    """Only admins can do this; who they are."""
    names = f" Admins: {', '.join(plain(name, 40) for name in admins[:10])}." if admins else ""
    return card([text(f"Only admins can do this: {what}.{names}")])


def error(words: str, reference: str = "") -> Element:
    """What happened, what was not done, the next step."""
    ref = f" Ref {reference}" if reference else ""
    return card([text(plain(words, 600) + ref)], [execute("Status", "status")])


def working(words: str) -> Element:
    """An answer is on its way."""
    return card([text(words, isSubtle=True)])


def closed(words: str, actions: Sequence[Element] = ()) -> Element:
    """An answered question or a finished form: a sentence in its place."""
    return card([text(plain(words, 600))], actions)


def which(typed: str, choices: Sequence[Choice]) -> Element:
    """Several fit: buttons, or a list to choose from when there are many."""
    if not choices:
        said = f"No team fits “{plain(typed, 60)}”." if typed else "Say which team."
        return card([text(said)], [execute("See teams", "teams")])
    title = f"“{plain(typed, 60)}” fits {len(choices)} teams:" if typed else "Which team?"
    if len(choices) <= MOST_BUTTONS:
        return card([text(title)], [execute(name, verb, data) for name, verb, data in choices])
    _, verb, first = choices[0]
    listing = choice_input(
        "team", "Team", [(name, str(data["team"])) for name, _, data in choices[:100]]
    )
    kept = {key: value for key, value in first.items() if key != "team"}
    return card([text(title), listing], [execute("Show", verb, kept, inputs=True)])


def sentence_of(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence, cut to the first few; Markdown."""
    shown = [plain(name, 60) for name in names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return listed(shown)
