"""Parsing that several handlers share: teams, numbers, days, pages."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from bot.chat import Chat
from bot.turn import ChooseError, Turn
from bot.words import unquote
from cards import general
from services.domain import Role, Team
from services.domain.errors import InvalidError

PAGE_SIZE = 10
MAX_TRAILING_WORDS = 4
"""At most so many words at the end of a text are read as what follows the team."""
MAX_QUOTED = 40
"""Of what people typed, in an error."""
DAY_FORMATS = ("%d %b", "%d %B", "%b %d", "%B %d")
HALF_A_YEAR = timedelta(days=183)


def role_in(turn: Turn) -> Role:
    """The role whose buttons a new card shows: that of the person who asked for it.

    In a channel or group chat others see the same card, as Teams has one card for everybody, so
    each press is authorized again.
    """
    return turn.role


async def pick_team(chat: Chat, text: str, verb: str, **data: str) -> Team:
    """The team that a name or ID means. Raises ChooseError when several fit, or none.

    Without a text all teams are offered: Teams' command menu inserts a command without its
    argument. ``verb`` and ``data`` are those of the button that a choice becomes.
    """
    wanted = unquote(text)
    teams = list(await (chat.app.teams.find(wanted) if wanted else chat.app.teams.list()))
    if not any(_is_exactly(team, wanted) for team in teams):
        # "edit Team 1" was parsed as the command "edit team" with the argument "1".
        candidates = await chat.app.teams.find(f"team {wanted}") if wanted else []
        teams = [team for team in candidates if _is_exactly(team, f"team {wanted}")] or teams
    if len(teams) == 1:
        return teams[0]
    choices = [
        (f"{team.team_name}, {team.aws_account_id}", verb, {**data, "team": team.id})
        for team in teams
    ]
    raise ChooseError(general.team_choice(wanted, choices))


async def split_team(
    chat: Chat, text: str, parse: Callable[[str], str | None], usage: str
) -> tuple[str, str | None]:
    """Split a text into the name of a team and the parsed words after it (None without any).

    Raises InvalidError, with the ``usage``, if the words after a team cannot be parsed.
    """
    if await chat.app.teams.find(unquote(text)):
        return text, None
    words = text.split()
    ends = range(max(len(words) - MAX_TRAILING_WORDS, 0), len(words))
    for end in ends:
        if (parsed := parse(" ".join(words[end:]))) is not None:
            return " ".join(words[:end]), parsed
    for end in reversed(ends):
        if end and await chat.app.teams.find(unquote(" ".join(words[:end]))):
            trailing = " ".join(words[end:])[:MAX_QUOTED]
            raise InvalidError(f"“{trailing}” is not understood. After {usage}.")
    return text, None


def _is_exactly(team: Team, wanted: str) -> bool:
    return wanted.casefold() in {team.team_name.casefold(), team.aws_account_id, team.id}


def parse_number(text: str, noun: str) -> float:
    """A typed number: ``25``, ``25%``, ``12,5``. Raises InvalidError.

    ``noun`` says with its article what it should be, such as "a threshold".
    """
    plain = text.strip().rstrip("%").strip().replace(",", ".")
    if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,6})?", plain, re.ASCII):
        raise InvalidError(
            f"“{text.strip()[:MAX_QUOTED]}” is not {noun}. Give a number such as 25."
        )
    return float(plain)


def parse_day(text: str, now: datetime) -> date:
    """``2026-11-03``, ``3 Nov 2026``, or the ``3 Nov`` that is nearest to now. Raises InvalidError."""
    words = " ".join(text.replace(",", " ").split())
    for day_format in DAY_FORMATS:
        for dated in (words, f"{words} {now.year}"):
            try:
                day = datetime.strptime(dated, f"{day_format} %Y").date()  # noqa: DTZ007 - a day
            except ValueError:
                continue
            return day if dated == words else _nearest(day, now.date())
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise InvalidError(
            f"“{text.strip()[:MAX_QUOTED]}” is not a day. Give one such as 2026-11-03 or 3 Nov."
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


def page_of(total: int, page: int, size: int = PAGE_SIZE) -> tuple[int, int, slice]:
    """(page, number of pages, slice of the page) with the page brought into range."""
    pages = max((total + size - 1) // size, 1)
    page = min(max(page, 1), pages)
    return page, pages, slice((page - 1) * size, page * size)
