"""What several handlers need: which team, which number, which day."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from bot.chat import Chat
from bot.turn import ChooseError, Turn
from bot.words import unquoted
from cards import general
from services.errors import InvalidError
from services.model import Role, Team

PAGE = 10
MOST_WORDS = 4
"""So many words at the end of a text are tried as what follows the team."""
DAY_FORMATS = ("%d %b", "%d %B", "%b %d", "%B %d")
HALF_A_YEAR = timedelta(days=183)


def role_in(turn: Turn) -> Role:
    """The role whose buttons a new card shows.

    In a channel or group everybody sees a card, so it has the buttons of whoever asked for it;
    each press is checked again.
    """
    return turn.role


async def pick(chat: Chat, text: str, verb: str, **data: str) -> Team:
    """The one team that a text or id means; ChooseError with the choices when there are several.

    Without a text, as Teams' own menu sends a command, all teams are the choices. ``verb`` and ``data`` are what the choice's button will ask for.
    """
    wanted = unquoted(text)
    found = list(await (chat.teams.find(wanted) if wanted else chat.teams.list()))
    if not any(_is_exactly(team, wanted) for team in found):
        # "edit Team 1" is read as "edit team", of a team that is called "1".
        meant = await chat.teams.find(f"team {wanted}") if wanted else []
        found = [team for team in meant if _is_exactly(team, f"team {wanted}")] or found
    if len(found) == 1:
        return found[0]
    choices = [
        (f"{team.team_name}, {team.aws_account_id}", verb, {**data, "team": team.id})
        for team in found
    ]
    raise ChooseError(general.which(wanted, choices))


async def team_and_words(
    chat: Chat, text: str, meaning: Callable[[str], str | None], ways: str
) -> tuple[str, str | None]:
    """What of a text names the team, and what the words after it mean; None when there are none.

    Raises InvalidError, with the ``ways`` to write it, when words follow a team and mean nothing.
    """
    if await chat.teams.find(unquoted(text)):
        return text, None
    words = text.split()
    ends = range(max(len(words) - MOST_WORDS, 0), len(words))
    for end in ends:
        if (found := meaning(" ".join(words[end:]))) is not None:
            return " ".join(words[:end]), found
    for end in reversed(ends):
        if end and await chat.teams.find(unquoted(" ".join(words[:end]))):
            after = " ".join(words[end:])[:40]
            raise InvalidError(f"“{after}” is not understood. After {ways}.")
    return text, None


def _is_exactly(team: Team, wanted: str) -> bool:
    return wanted.casefold() in {team.team_name.casefold(), team.aws_account_id, team.id}


def number(text: str, what: str) -> float:
    """A number that somebody typed: ``25``, ``25%``, ``12,5``. Raises InvalidError."""
    plain = text.strip().rstrip("%").strip().replace(",", ".")
    if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,6})?", plain, re.ASCII):
        raise InvalidError(f"“{text.strip()[:40]}” is no {what}. Give a number such as 25.")
    return float(plain)


def a_day(text: str, now: datetime) -> date:
    """``2026-11-03``, ``3 Nov 2026`` or ``3 Nov``, the one nearest to now. Raises InvalidError."""
    words = " ".join(text.replace(",", " ").split())
    for form in DAY_FORMATS:
        for with_year, given in ((f"{form} %Y", words), (f"{form} %Y", f"{words} {now.year}")):
            try:
                found = datetime.strptime(given, with_year).date()  # noqa: DTZ007 - a day
            except ValueError:
                continue
            return found if given == words else _nearest(found, now.date())
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise InvalidError(
            f"“{text.strip()[:40]}” is no day. Give one such as 2026-11-03 or 3 Nov."
        ) from None


def _nearest(day: date, today: date) -> date:
    if day - today > HALF_A_YEAR:
        return _in_year(day, day.year - 1)
    if today - day > HALF_A_YEAR:
        return _in_year(day, day.year + 1)
    return day


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return day.replace(year=year, day=28)


def paged(total: int, page: int, size: int = PAGE) -> tuple[int, int, slice]:
    """(page, pages, which) with the page brought into range."""
    pages = max((total + size - 1) // size, 1)
    page = min(max(page, 1), pages)
    return page, pages, slice((page - 1) * size, page * size)
