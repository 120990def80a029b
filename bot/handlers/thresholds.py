"""Thresholds: what they are, what another would have marked, and storing it."""

import re

from bot.chat import Chat
from bot.handlers.common import number, pick, role_in
from bot.press import Press
from bot.turn import Reply, Turn
from cards import thresholds as cards
from services.audit import new_entry_id
from services.errors import InvalidError
from services.model import Team
from services.wording import set_money
from services.wording import threshold as words_of

TYPED = re.compile(
    r"(?:(?P<percent>[+-]?[\d.,]+)\s*%?)?\s*(?:min(?:imum)?\s+(?P<least>[+-]?[\d.,]+))?\s*"
    r"(?:for\s+(?P<team>.+))?",
    re.IGNORECASE,
)
HIGHEST = 1_000_000


async def show_threshold(chat: Chat, turn: Turn, rest: str) -> Reply:
    """The thresholds; or what the typed one would have marked."""
    if not rest:
        config = await chat.config.stored(turn.now)
        own = [team for team in await chat.teams.list() if team.anomaly_threshold is not None]
        currency = (await chat.costs.state()).currency
        return Reply(cards.thresholds(config, own, currency, role_in(turn)))
    typed = TYPED.fullmatch(rest.strip())
    if typed is None or not any(typed.groups()):
        raise InvalidError(
            "Write threshold 25, threshold 35 for <team>, or threshold min 50. "
            "Or only threshold to see what is set."
        )
    team = None
    if typed["team"]:
        data = {"value": typed["percent"] or "", "min": typed["least"] or ""}
        team = await pick(chat, typed["team"], "threshold.what_if", **data)
    return await _what_if(chat, turn, typed["percent"] or "", typed["least"] or "", team)


async def ask_what_if(chat: Chat, turn: Turn, press: Press) -> Reply:
    """What the typed threshold would have marked."""
    team = await chat.teams.get(press.team) if press.team else None
    return await _what_if(chat, turn, press.value, press.min, team)


async def _what_if(chat: Chat, turn: Turn, value: str, least: str, team: Team | None) -> Reply:
    if not value and not least:
        raise InvalidError("Give a threshold in percent, or a smallest increase.")
    percent = _percent(value) if value else None
    smallest = _least(least) if least else None
    if team is not None and smallest is not None:
        raise InvalidError("The smallest increase is the same for all teams. Leave out the team.")
    found = await chat.what_ifs.ask(turn.now, percent=percent, least=smallest, team=team)
    return Reply(cards.what_if(found, team, role_in(turn), chat.sample))


def _percent(text: str) -> float:
    found = number(text, "threshold")
    if not 0 < found <= HIGHEST:
        raise InvalidError("A threshold must be above 0 percent.")
    return found


def _least(text: str) -> float:
    found = number(text, "amount")
    if not 0 <= found <= HIGHEST * 1000:
        raise InvalidError("The smallest increase must not be negative.")
    return found


async def save_threshold(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Stores what was looked at."""
    entry = new_entry_id()
    if press.team:
        team = await chat.teams.get(press.team)
        body = {"anomaly_threshold": _percent(press.value)}
        await chat.teams.change(team.id, body, turn.actor, turn.now, entry_id=entry)
        said = f"Threshold for {team.team_name}: {words_of(_percent(press.value))}."
    else:
        change = {}
        if press.value:
            change["anomaly_threshold"] = _percent(press.value)
        if press.min:
            change["min_increase"] = _least(press.min)
        await chat.config.change(change, turn.actor, turn.now, entry_id=entry)
        config = await chat.config.stored(turn.now)
        currency = (await chat.costs.state()).currency
        said = (
            f"Threshold: {words_of(config.anomaly_threshold)}, "
            f"smallest increase {set_money(config.min_increase, currency)}."
        )
    known = await chat.audit.get(entry)
    return Reply(cards.threshold_saved(said, turn.actor.name, entry if known else None))
