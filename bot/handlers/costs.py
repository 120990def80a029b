"""Costs: the daily history, why costs changed, and announced changes."""

import re
from decimal import Decimal
from zoneinfo import ZoneInfo

from bot.chat import Chat
from bot.handlers.common import a_day, number, pick, team_and_words
from bot.periods import WAYS, period_meant
from bot.press import Press
from bot.turn import Reply, Turn
from cards import costs as cards
from cards import general
from cards.plans import planned
from services.errors import InvalidError
from services.histories import Span
from services.model import DaySpan, Team
from services.wording import clock_time

SPANS: dict[str, Span] = {
    "last 30 days": "30 days",
    "30 days": "30 days",
    "this month": "month",
    "month": "month",
}
SPAN_WAYS = "month or last 30 days"
LONGEST_PLAN = 600
EXPECTED = re.compile(
    r"(?P<team>.+?)\s+(?P<sign>[+\-−])?\s*(?P<percent>\d+(?:[.,]\d+)?)\s*%\s+from\s+(?P<first>.+?)"
    r"\s+to\s+(?P<last>.+?)(?:\s+because\s+(?P<reason>.+))?",
    re.IGNORECASE,
)


async def show_costs(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Daily costs of a team."""
    name, said = await team_and_words(chat, rest, _span_meant, f"costs <team> write {SPAN_WAYS}")
    span: Span = "30 days" if said == "30 days" else "month"
    team = await pick(chat, name, "costs", span=span)
    return await _costs(chat, turn, team, span)


def _span_meant(words: str) -> str | None:
    return SPANS.get(words.casefold())


async def press_costs(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The same, from a button."""
    span: Span = "30 days" if press.span == "30 days" else "month"
    reply = await _costs(chat, turn, await chat.teams.get(press.team), span)
    return Reply(reply.card, fresh=True)


async def _costs(chat: Chat, turn: Turn, team: Team, span: Span) -> Reply:
    return Reply(cards.history(await chat.histories.of(team, span, turn.now), span))


async def explain(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Why a team's costs changed; for an earlier period when one is given."""
    zone = (await chat.config.stored(turn.now)).schedule_timezone
    today = turn.now.astimezone(ZoneInfo(zone)).date()
    name, period = await team_and_words(
        chat, rest, lambda words: period_meant(words, today), f"explain <team> write {WAYS}"
    )
    team = await pick(chat, name, "explain", **({"period": period} if period else {}))
    report = await chat.previews.team_report(team, turn.now, period)
    return Reply(cards.explain(report))


async def press_explain(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The same, from a button."""
    team = await chat.teams.get(press.team)
    report = await chat.previews.team_report(team, turn.now, press.period or None)
    return Reply(cards.explain(report), fresh=True)


async def expect(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Announces a change, so that nobody is alerted of it."""
    typed = EXPECTED.fullmatch(rest) if len(rest) <= LONGEST_PLAN else None
    if typed is None:
        raise InvalidError(
            "Write expect <team> +30% from 3 Nov to 20 Nov because <reason>, "
            "with days such as 3 Nov or 2026-11-03."
        )
    first, last = a_day(typed["first"], turn.now), a_day(typed["last"], turn.now)
    if last < first:
        raise InvalidError(f"{last} is before {first}. Give the earlier day first.")
    sign = -1 if typed["sign"] in {"-", "−"} else 1
    change = Decimal(repr(number(typed["percent"], "percentage"))) * sign
    team = await pick(chat, typed["team"], "team")
    plan = await chat.plans.announce(
        team,
        change,
        DaySpan(first, last),
        typed["reason"] or "",
        turn.actor,
        turn.now,
        plan_id=turn.id,
    )
    return Reply(planned(plan, team))


async def cancel_plan(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Takes an announced change back."""
    plan = await chat.plans.cancel(press.entry, turn.actor, turn.now)
    names = {team.aws_account_id: team.team_name for team in await chat.teams.list()}
    whose = names.get(plan.account_id, plan.account_id)
    at = clock_time(turn.now)
    words = f"The planned change of {whose} was cancelled by {turn.actor.name}, {at}."
    return Reply(general.closed(words))
