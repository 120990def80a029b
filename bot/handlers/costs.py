"""Costs: the daily history, why costs changed, and planned changes."""

import re
from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

from bot.chat import Chat
from bot.handlers.anomalies import anomaly_card
from bot.handlers.common import pick_team, split_team, typed_percent
from bot.payloads import Payload, Text
from bot.periods import USAGE, parse_day, parse_period, split_days
from bot.turn import ChooseError, Reply, Turn
from cards import general
from cards.costs import cost_explanation, cost_history
from cards.planned_changes import planned_change_added
from services.costs import Span
from services.domain import Anomaly, DaySpan, Month, Team
from services.domain.errors import InvalidError
from services.domain.formatting import clock_time

SPANS: dict[str, Span] = {
    "last 30 days": "30 days",
    "30 days": "30 days",
    "this month": "month",
    "month": "month",
}
SPAN_USAGE = "month or last 30 days"
BECAUSE = re.compile(r"\s+because\s+", re.IGNORECASE)
CHANGE = re.compile(
    r"\s(?P<sign>[+\-−])? ?(?P<percent>\d[\d.,'’]*) ?%\s+(?:from\s+)?", re.IGNORECASE
)


class CostsPayload(Payload):
    """A team's costs over a span."""

    team: Text = ""
    span: Literal["month", "30 days"] = "month"


class ExplainPayload(Payload):
    """Why a team's costs changed, now or in an earlier period."""

    team: Text = ""
    period: Text = ""


class CancelPlannedChangePayload(Payload):
    """A planned change that is taken back."""

    entry: Text
    team: Text = ""


async def show_costs(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show the daily costs of a team."""
    name, parsed = await split_team(
        chat, argument, _parse_span, f"costs <team> write {SPAN_USAGE}"
    )
    span: Span = "30 days" if parsed == "30 days" else "month"
    team = await pick_team(chat, name, "costs", span=span)
    return await _costs(chat, turn, team, span)


def _parse_span(words: str) -> str | None:
    return SPANS.get(words.casefold())


async def press_costs(chat: Chat, turn: Turn, payload: CostsPayload) -> Reply:
    """Do what ``show_costs`` does, for a button."""
    reply = await _costs(chat, turn, await chat.app.teams.get(payload.team), payload.span)
    return Reply(reply.card, is_new_message=True)


async def _costs(chat: Chat, turn: Turn, team: Team, span: Span) -> Reply:
    return Reply(cost_history(await chat.app.costs.history.of(team, span, turn.now), span))


async def explain(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Explain why a team's costs changed, now or in an earlier period.

    Without a team, a reply to an alert means the team of the alert.
    """
    if not argument and (anomalies := await _anomalies_before(chat, turn)):
        return await _explain_anomalies(chat, turn, anomalies)
    zone = (await chat.app.administration.config.stored(turn.now)).schedule_timezone
    today = turn.now.astimezone(ZoneInfo(zone)).date()
    name, period = await split_team(
        chat, argument, lambda words: parse_period(words, today), f"explain <team> write {USAGE}"
    )
    team = await pick_team(chat, name, "explain", **({"period": period} if period else {}))
    report = await chat.app.reports.previews.team_report(team, turn.now, period)
    return Reply(cost_explanation(report))


async def _anomalies_before(chat: Chat, turn: Turn) -> Sequence[Anomaly]:
    """The anomalies of the alert that a message quotes, or that began its thread."""
    for message_id in turn.about:
        anomalies = await chat.app.alerts.anomalies_of_message(turn.conversation.id, message_id)
        if anomalies:
            return anomalies
    return []


async def _explain_anomalies(chat: Chat, turn: Turn, anomalies: Sequence[Anomaly]) -> Reply:
    teams = {team.aws_account_id: team for team in await chat.app.teams.list()}
    owners = {a.account_id: teams[a.account_id] for a in anomalies if a.account_id in teams}
    if len(owners) > 1:
        choices = [
            (f"{team.team_name}, {account}", "explain", {"team": team.id})
            for account, team in owners.items()
        ]
        raise ChooseError(general.team_choice("", choices))
    anomaly = anomalies[0]
    if not owners:
        return Reply(await anomaly_card(chat, turn, anomaly))
    (team,) = owners.values()
    about = await chat.app.alerts.content_of(anomaly, turn.now) if len(anomalies) == 1 else None
    month = Month.of(anomaly.end or anomaly.last or anomaly.start)
    period = str(month) if month.span.last < turn.now.date() else None
    report = await chat.app.reports.previews.team_report(team, turn.now, period)
    return Reply(cost_explanation(report, about))


async def press_explain(chat: Chat, turn: Turn, payload: ExplainPayload) -> Reply:
    """Do what ``explain`` does, for a button."""
    team = await chat.app.teams.get(payload.team)
    report = await chat.app.reports.previews.team_report(team, turn.now, payload.period or None)
    return Reply(cost_explanation(report), is_new_message=True)


async def expect(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Announce a change, so that it raises no alert."""
    announced, *reason = BECAUSE.split(argument, maxsplit=1)
    # The last percentage: a name may contain one, and days do not.
    typed = next(reversed(list(CHANGE.finditer(announced))), None)
    days = split_days(announced[typed.end() :]) if typed else None
    if typed is None or days is None:
        raise InvalidError(
            "Write expect <team> +30% from 3 Nov to 20 Nov because <reason>, "
            "with days such as 3 Nov or 2026-11-03."
        )
    first, last = (parse_day(text, turn.now) for text in days)
    if last < first:
        raise InvalidError(f"{last} is before {first}. Give the earlier day first.")
    sign = -1 if typed["sign"] in {"-", "−"} else 1
    change = typed_percent(typed["percent"]) * sign
    team = await pick_team(chat, announced[: typed.start()], "team")
    planned_change = await chat.app.anomalies.planned_changes.announce(
        team,
        change,
        DaySpan(first, last),
        "".join(reason),
        turn.actor,
        turn.now,
        change_id=turn.id,
    )
    return Reply(planned_change_added(planned_change, team))


async def cancel_planned_change(
    chat: Chat, turn: Turn, payload: CancelPlannedChangePayload
) -> Reply:
    """Cancel a planned change."""
    planned_change = await chat.app.anomalies.planned_changes.cancel(
        payload.entry, turn.actor, turn.now
    )
    names = {team.aws_account_id: team.team_name for team in await chat.app.teams.list()}
    owner = names.get(planned_change.account_id, planned_change.account_id)
    at = clock_time(turn.now)
    text = f"The planned change of {owner} was canceled by {turn.actor.name}, {at}."
    return Reply(general.closed(text))
