"""Thresholds: the current ones, what another would have flagged, and storing it."""

import re

from bot.chat import Chat
from bot.handlers.common import pick_team, role_in, typed_amount, typed_percent
from bot.payloads import Payload, Text
from bot.turn import Reply, Turn
from cards import general
from cards.thresholds import thresholds_card, what_if_card
from services.administration import new_entry_id
from services.domain import Team
from services.domain.errors import InvalidError
from services.domain.formatting import set_money
from services.domain.formatting import threshold as threshold_text

FOR = re.compile(r"(?:^|\s+)for\s+", re.IGNORECASE)
MIN = re.compile(r"(?:^|\s+)min(?:imum)?\s+", re.IGNORECASE)
DIGIT = re.compile(r"\d")
MAX_PERCENT = 1_000_000
MAX_AMOUNT = 1_000_000_000


class ThresholdPayload(Payload):
    """A threshold in percent and a minimum increase, as typed or as previewed."""

    value: Text = ""
    min: Text = ""
    team: Text = ""


async def show_threshold(chat: Chat, turn: Turn, argument: str) -> Reply:
    """The thresholds, or what the typed one would have flagged."""
    if not argument:
        config = await chat.app.administration.config.stored(turn.now)
        own = [team for team in await chat.app.teams.list() if team.anomaly_threshold is not None]
        currency = (await chat.app.costs.ingest.state()).currency
        return Reply(thresholds_card(config, own, currency, role_in(turn)))
    value, minimum, name = _split(argument.strip())
    team = None
    if name:
        data = {"value": value, "min": minimum}
        team = await pick_team(chat, name, "threshold.what_if", **data)
    return await _what_if(chat, turn, value, minimum, team)


def _split(argument: str) -> tuple[str, str, str]:
    """Return (percentage, minimum increase, team); raise InvalidError if it is none of them."""
    amounts, *names = FOR.split(argument, maxsplit=1)
    value, *minimum = MIN.split(amounts, maxsplit=1)
    if any(typed and not DIGIT.search(typed) for typed in (value, *minimum)):
        raise InvalidError(
            "Write threshold 25, threshold 35 for <team>, or threshold min 50. "
            "Or only threshold to see what is set."
        )
    return value, "".join(minimum), "".join(names)


async def press_what_if(chat: Chat, turn: Turn, payload: ThresholdPayload) -> Reply:
    """Do what ``show_threshold`` does, for a button."""
    team = await chat.app.teams.get(payload.team) if payload.team else None
    return await _what_if(chat, turn, payload.value, payload.min, team)


async def _what_if(chat: Chat, turn: Turn, value: str, minimum: str, team: Team | None) -> Reply:
    if not value and not minimum:
        raise InvalidError("Give a threshold in percent, or a minimum increase.")
    percent = _percent(value) if value else None
    min_increase = await _min_increase(chat, minimum) if minimum else None
    if team is not None and min_increase is not None:
        raise InvalidError("The minimum increase is the same for all teams. Leave out the team.")
    result = await chat.app.anomalies.what_if.compare(
        turn.now, percent=percent, min_increase=min_increase, team=team
    )
    return Reply(what_if_card(result, team, role_in(turn), chat.sample))


def _percent(text: str) -> float:
    percent = float(typed_percent(text))
    if not 0 < percent <= MAX_PERCENT:
        raise InvalidError("A threshold must be above 0 percent.")
    return percent


async def _min_increase(chat: Chat, text: str) -> float:
    amount = float(typed_amount(text, (await chat.app.costs.ingest.state()).currency))
    if not 0 <= amount <= MAX_AMOUNT:
        raise InvalidError("The minimum increase must not be negative.")
    return amount


async def save_threshold(chat: Chat, turn: Turn, payload: ThresholdPayload) -> Reply:
    """Store the threshold that was previewed."""
    entry = new_entry_id()
    if payload.team:
        team = await chat.app.teams.get(payload.team)
        body = {"anomaly_threshold": _percent(payload.value)}
        await chat.app.teams.change(team.id, body, turn.actor, turn.now, entry_id=entry)
        text = f"Threshold for {team.team_name}: {threshold_text(_percent(payload.value))}."
    else:
        change = {}
        if payload.value:
            change["anomaly_threshold"] = _percent(payload.value)
        if payload.min:
            change["min_increase"] = await _min_increase(chat, payload.min)
        await chat.app.administration.config.change(change, turn.actor, turn.now, entry_id=entry)
        config = await chat.app.administration.config.stored(turn.now)
        currency = (await chat.app.costs.ingest.state()).currency
        text = (
            f"Threshold: {threshold_text(config.anomaly_threshold)}, "
            f"minimum increase {set_money(config.min_increase, currency)}."
        )
    is_changed = await chat.app.administration.audit_trail.get(entry) is not None
    return Reply(general.setting_saved(text, turn.actor.name, entry if is_changed else None))
