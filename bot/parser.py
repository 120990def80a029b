"""From typed text to a command, or to the closest one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.turn import Command

MAX_TYPED_WORD = 20
"""Characters of a word that are compared with names of commands."""
PUNCTUATED = re.compile(r"[A-Za-z ]{1,40}[!?.]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command and its argument; without a command, the name that is closest, if one is close, and
    what follows it.
    """

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
    return _closest(text, commands)


def _closest(text: str, commands: Sequence[Command]) -> Parsed:
    """The command whose name was mistyped.

    The first word decides, then the rest of the name: a long argument must not outweigh it.
    """
    words = text.split()
    typed = [word.casefold()[:MAX_TYPED_WORD] for word in words]
    best: tuple[int, int, int] | None = None
    closest = Parsed(None, text)
    for command in commands:
        for name in (command.name, *command.aliases):
            length = len(name.split())
            if len(words) < length:
                continue
            first = typing_errors(typed[0], name.split()[0])
            whole = typing_errors(" ".join(typed[:length]), name)
            rank = (first, whole, -length)
            is_close = first <= _bearable(name.split()[0]) and whole <= _bearable(name)
            if is_close and (best is None or rank < best):
                best = rank
                closest = Parsed(None, " ".join(words[length:]), command.name)
    return closest


def _bearable(name: str) -> int:
    """How many typing errors still leave a name recognizable."""
    return sum(len(name) >= length for length in (3, 6, 10))


def typing_errors(typed: str, meant: str) -> int:
    """Letters that are missing, wrong, too many, or in each other's place (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(meant) + 1))
    for i, letter in enumerate(typed, 1):
        row = [i]
        for j, wanted in enumerate(meant, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
