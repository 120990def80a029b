"""Generates the tables of commands, settings and error messages: ``python -m tests.docs.tables``.

A table is placed between ``<!-- table: name -->`` and ``<!-- end -->``; the rest of a document is
written by hand. The tests fail if a document differs from what this generates.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot.commands import COMMANDS
from bot.turn import Command
from services.settings import setting_fields
from tests.conftest import ROOT
from tests.docs.troubles import troubles

DOCUMENTS = ("README.md", "docs/commands.md", "docs/settings.md", "docs/setup.md")
PLACE = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars inside a cell are escaped."""
    first, *others = (
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n"
        for line in (head, *rows)
    )
    return "".join([first, f"|{'---|' * len(head)}\n", *others])


def commands(listed: Callable[[Command], object]) -> str:
    """Typed commands: how to write them, who may use them, what they do."""
    rows = [
        (_code(command.usage.split(", ")), _who(command), command.description)
        for command in COMMANDS
        if listed(command)
    ]
    return table(("write", "for", "to see or do"), rows)


def all_commands() -> str:
    """The same with all aliases that the parser understands."""
    rows = [
        (
            _code(command.usage.split(", ")),
            _code(command.aliases),
            _who(command),
            command.description,
        )
        for command in COMMANDS
    ]
    return table(("write", "or", "for", "to see or do"), rows)


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _who(command: Command) -> str:
    if command.role == "viewer" and command.admin_to_set:
        return "everyone; changes: admins"
    return {"viewer": "everyone", "admin": "admins"}[command.role]


def settings(group: str) -> str:
    """The settings of one group with their defaults."""
    rows = [
        (f"`{field.alias}`", _default(field.default), field.description)
        for name, field in setting_fields()
        if name == group
    ]
    return table(("setting", "default", "meaning"), rows)


def _default(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str | int | Path) else ""


def answers_of_check() -> str:
    """The messages of ``check``."""
    rows = [
        (trouble.system, *(part.replace("<", "\\<") for part in trouble.parts))
        for trouble in troubles()
    ]
    return table(("system", "message of `check`", "what to do"), rows)


def made(text: str) -> str:
    """The document with up-to-date tables. Raises KeyError for an unknown table."""
    tables: dict[str, Callable[[], str]] = {
        "menu": lambda: commands(lambda one: one.menu),
        "commands": all_commands,
        "answers of check": answers_of_check,
        **{
            f"settings {group}": lambda group=group: settings(group)  # type: ignore[misc]
            for group, _ in setting_fields()
        },
    }
    return PLACE.sub(lambda place: place[1] + tables[place[2]]() + place[3], text)


def main() -> None:
    """Rewrite the documents."""
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(made(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
