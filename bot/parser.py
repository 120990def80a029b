"""From typed text to a command, or to the closest one."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.turn import Command

PUNCTUATED = re.compile(r"[A-Za-z ]{1,40}[!?.]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command and its argument; without a command, the name that is closest, if one is close."""

    command: Command | None
    argument: str = ""
    closest: str | None = None


def parse(text: str, commands: Sequence[Command]) -> Parsed:
    """The command with the longest name that the text begins with, in any letter case.

    ``Hello!`` is ``hello``.
    """
    if PUNCTUATED.fullmatch(text):
        text = text.rstrip("!?.") or text
    folded = text.casefold()
    best: tuple[int, Command] | None = None
    for command in commands:
        for name in (command.name, *command.aliases):
            matches = folded == name or folded.startswith(name + " ")
            if matches and (best is None or len(name) > best[0]):
                best = len(name), command
    if best is not None:
        return Parsed(best[1], text[best[0] :].strip())
    return Parsed(None, text, _closest(folded, commands))


def _closest(folded: str, commands: Sequence[Command]) -> str | None:
    names = {
        name: command.name for command in commands for name in (command.name, *command.aliases)
    }
    words = folded.split()
    for count in (2, 1):
        matches = difflib.get_close_matches(" ".join(words[:count]), names, n=1, cutoff=0.6)
        if matches:
            return names[matches[0]]
    return None
