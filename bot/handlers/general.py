"""Help, status, history, undo, cancel."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.chat import Chat
from bot.handlers.common import PAGE, pick, role_in
from bot.press import Press
from bot.turn import Reply, Turn
from cards import general, settings
from services.changes import can_undo
from services.model import AuditEntry, DeliveryState, Run, RunKind, RunState, Team
from services.runs import RETRIED
from services.wording import clock_time, day, exact_time, plural, weekday

MOST_HISTORY = 500


async def cancelled(chat: Chat, turn: Turn, press: Press) -> Reply:
    """A form or question was closed."""
    return Reply(general.closed(f"Cancelled by {turn.actor.name}. Nothing was changed."))


# Status


async def show_status(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Health, source, runs; problems first."""
    return Reply(settings.status(await _facts(chat, turn.now), role_in(turn)))


async def refresh_status(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The same card, with what is so now; on any other card's button a card of its own."""
    reply = await show_status(chat, turn, "")
    return Reply(reply.card, fresh=press.choice != "refresh")


async def _facts(chat: Chat, now: datetime) -> settings.StatusFacts:
    state = await chat.costs.state()
    config = await chat.config.stored(now)
    problems = list((await chat.health.check(now)).failing)
    weekly = [
        run for run in await chat.runs.newest(50) if run.kind in {RunKind.WEEKLY, RunKind.TEAM}
    ]
    last = next((run for run in weekly if run.kind is RunKind.WEEKLY), None)
    retry, failed = await _retryable(chat, weekly[:5])
    if failed:
        problems.append(f"{plural(failed, 'mail')} of {retry.period if retry else ''} failed.")
    if last is not None and last.last_error:
        problems.append(f"{last.period}: {last.last_error}")
    if (
        state.data_through
        and state.expected_through
        and state.data_through < state.expected_through
    ):
        problems.append(
            f"Data is late: complete through {day(state.data_through)}, "
            f"normally {day(state.expected_through)}."
        )
    channels = await chat.conversations.with_alerts()
    problems += [
        f"Alerts do not reach {one.title or one.kind}: {one.state}."
        for one in channels
        if one.state != "active"
    ]
    zone = ZoneInfo(config.schedule_timezone)
    slots = await chat.runs.upcoming(now, 1)
    upcoming = slots[0].astimezone(zone) if slots else None
    outlook = await chat.runs.outlook(RunKind.WEEKLY, now)
    return settings.StatusFacts(
        problems=problems,
        looked_at=exact_time(now),
        source=chat.source.title,
        metric=state.metric or "",
        data_through=f"{weekday(state.data_through)} (UTC)" if state.data_through else "not yet",
        last_run=await _run_words(chat, last) if last else "none yet",
        next_run=f"{weekday(upcoming.date())} {upcoming:%H:%M} {config.schedule_timezone}"
        if upcoming
        else "none",
        mail="outbox of this machine" if outlook.transport == "outbox" else outlook.transport,
        teams=len(await chat.teams.list()),
        anomalies=sum(one.anomaly.status == "open" for one in await chat.anomalies.list()),
        alerts_to=len(channels),
        unknown_categories=state.unknown_categories,
        retry=retry,
        failed=failed,
        sample=chat.sample,
    )


async def _retryable(chat: Chat, runs: list[Run]) -> tuple[Run | None, int]:
    """The newest run with failed mails that waits for somebody to retry it."""
    for run in runs:
        if run.state is RunState.OPEN:
            continue
        counts = await chat.runs.counts(run.id)
        failed = sum(counts.get(state, 0) for state in RETRIED)
        if failed:
            return run, failed
    return None, 0


async def _run_words(chat: Chat, run: Run) -> str:
    counts = await chat.runs.counts(run.id)
    sent = counts.get(DeliveryState.SENT, 0)
    total = sum(counts.values())
    state = "at work" if run.state is RunState.OPEN else run.state.value
    return f"{run.period}, {sent:,} of {total:,} sent, {state}, {clock_time(run.created_at)}"


# History


async def show_history(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Who changed what, when, from where."""
    team = await pick(chat, rest, "history") if rest else None
    return Reply(await _history(chat, team, 1))


async def page_history(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Another page of it."""
    team = await chat.teams.get(press.team) if press.team else None
    return Reply(await _history(chat, team, press.page_number))


async def _history(chat: Chat, team: Team | None, page: int) -> dict[str, object]:
    names = {one.id: one.team_name for one in await chat.teams.list()}
    accounts = {one.aws_account_id: one.team_name for one in await chat.teams.list()}
    entries = await _entries(chat, team)
    page = max(page, 1)
    shown = entries[(page - 1) * PAGE : page * PAGE]
    lines = [
        settings.HistoryLine(entry, _subject(entry, {**names, **accounts}), can_undo(entry))
        for entry in shown
    ]
    return settings.history(
        lines,
        page,
        len(entries) > page * PAGE,
        f" of {team.team_name}" if team else "",
        team.id if team else "",
    )


async def _entries(chat: Chat, team: Team | None) -> list[AuditEntry]:
    if team is None:
        return await chat.audit.newest(MOST_HISTORY)
    found = await chat.audit.newest(MOST_HISTORY, team.id)
    found += await chat.audit.newest(MOST_HISTORY, team.aws_account_id)
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)


def _subject(entry: AuditEntry, names: dict[str, str]) -> str:
    facts = entry.after or entry.before or {}
    known = names.get(entry.subject) or facts.get("team_name") or facts.get("name")
    return str(known or facts.get("title") or entry.subject)


async def undo(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Takes a change back."""
    entry = await chat.changes.undo(press.entry, turn.actor, turn.now)
    facts = entry.after or entry.before or {}
    what = facts.get("team_name") or "The settings"
    done = {
        "team.add": f"{what} was removed again",
        "team.remove": f"{what} is back",
        "team.change": f"{what} is as it was before",
        "config.change": "The settings are as they were before",
        "floor.change": "The floor is as it was before",
    }[entry.action]
    at = turn.now.astimezone(UTC)
    return Reply(general.closed(f"{done}. Undone by {turn.actor.name}, {clock_time(at)}."))
