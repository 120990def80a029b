"""What a reply suggests when a request failed: the command that was meant, or a next step."""

from bot.chat import Chat
from bot.parser import Parsed
from bot.turn import Reply
from bot.words import unquote
from cards import general
from services.domain import Team
from services.domain.errors import AgentError, ConflictError, InvalidError, NotFoundError
from services.domain.pasted import match_key

MIN_PREFIX = 3
"""Minimum length of a text that counts as the beginning of a team's name."""


async def unknown_text(chat: Chat, text: str, parsed: Parsed) -> Reply:
    """No command matches: the closest one, or an explanation of the team that the text names."""
    meant = " ".join(filter(None, (parsed.closest, parsed.argument))) if parsed.closest else None
    team = None if meant else await _named_team(chat, text)
    return Reply(general.unknown_command(text, meant, team))


async def _named_team(chat: Chat, text: str) -> Team | None:
    """The one team that a text is, begins, or contains as words; the longest name counts."""
    key = match_key(unquote(text))
    if len(key) < MIN_PREFIX:
        return None
    matches = await chat.app.teams.find(key)
    if len(matches) == 1:
        return matches[0]
    padded = f" {key.strip('?!. ')} "
    named = [t for t in await chat.app.teams.list() if f" {match_key(t.team_name)} " in padded]
    longest = max((len(match_key(team.team_name)) for team in named), default=0)
    teams = [team for team in named if len(match_key(team.team_name)) == longest]
    return teams[0] if len(teams) == 1 else None


def suggestions_after(error: AgentError, parsed: Parsed | None) -> list[str]:
    """The commands that help after an error."""
    if isinstance(error, NotFoundError):
        return ["teams", "help"]
    if not isinstance(error, InvalidError | ConflictError):
        return ["status"]
    # Without an argument, these commands show what is stored, or a form.
    command = parsed.command if parsed and parsed.argument else None
    shows = command is not None and command.usage.split(", ")[0] == command.name
    return [command.name, "help"] if command and shows else ["help", "status"]
