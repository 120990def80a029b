"""Parsing that several handlers share: teams, numbers, pages."""

from collections.abc import Callable
from decimal import Decimal

from bot.chat import Chat
from bot.turn import ChooseError, Turn
from bot.words import unquote
from cards import general
from services.domain import Role, Team
from services.domain.errors import InvalidError
from services.domain.pasted import match_key
from services.domain.typed_numbers import parse_amount, parse_percent

PAGE_SIZE = 10
MAX_TRAILING_WORDS = 4
"""At most so many words at the end of a text are read as what follows the team."""
MAX_QUOTED = 40
"""Characters of typed text that an error quotes."""


def role_in(turn: Turn) -> Role:
    """The role whose buttons a new card shows: that of the person who requested it.

    In a channel or group chat others see the same card, as Teams has one card for everybody, so
    each press is authorized again.
    """
    return turn.role


async def pick_team(chat: Chat, text: str, verb: str, **data: str) -> Team:
    """The team that a name or ID means. Raises ChooseError when several match, or none.

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
    return match_key(wanted) in {match_key(team.team_name), team.aws_account_id, team.id}


def typed_percent(text: str) -> Decimal:
    """A typed percentage. Raises InvalidError."""
    try:
        return parse_percent(text)
    except ValueError as error:
        raise InvalidError(f"{error}.") from error


def typed_amount(text: str, currency: str) -> Decimal:
    """A typed amount in the currency of the costs. Raises InvalidError."""
    try:
        return parse_amount(text, currency)
    except ValueError as error:
        raise InvalidError(f"{error}.") from error


def page_of(total: int, page: int, size: int = PAGE_SIZE) -> tuple[int, int, slice]:
    """(page, number of pages, slice of the page) with the page brought into range."""
    pages = max((total + size - 1) // size, 1)
    page = min(max(page, 1), pages)
    return page, pages, slice((page - 1) * size, page * size)
