"""Status, history, undo, cancel."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from bot.chat import Chat
from bot.handlers.common import PAGE_SIZE, pick_team, role_in
from bot.payloads import Number, Payload, Text
from bot.turn import Reply, Turn
from cards import general
from cards.audit_trail import AuditLine, audit_trail
from cards.schedule import skipped_sentence
from cards.status import StatusFacts, status_card
from services.administration import SCHEDULE
from services.domain import (
    AuditEntry,
    Conversation,
    DeliveryState,
    Run,
    RunKind,
    RunState,
    SourceState,
    Team,
)
from services.domain.formatting import clock_time, day, exact_time, plural, weekday
from services.domain.run_states import RETRYABLE
from services.domain.schedule import period_title, period_words
from services.operations import Checkup
from services.runtime.server_clock import skew_problem

MAX_HISTORY = 500
"""Entries of the audit trail that the history goes back."""


class StatusPayload(Payload):
    """The status; ``refresh`` on the status card itself."""

    choice: Literal["", "refresh"] = ""


class HistoryPayload(Payload):
    """A page of the audit trail, of one team or of all teams."""

    team: Text = ""
    page: Number = 1


class UndoPayload(Payload):
    """The audit entry of the change to undo, chosen from a list or carried by the button."""

    entry: Text = ""


async def cancel(chat: Chat, turn: Turn, payload: Payload) -> Reply:
    """Close a form or a question."""
    return Reply(general.closed(f"Canceled by {turn.actor.name}. Nothing was changed."))


# Status


async def show_status(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show health, cost source and runs, problems first."""
    chat.start("look", chat.app.operations.diagnostics.look_again(turn.now))
    return Reply(status_card(await _status(chat, turn.now), role_in(turn)))


async def refresh_status(chat: Chat, turn: Turn, payload: StatusPayload) -> Reply:
    """Bring the status card up to date; pressed on another card, as a new message."""
    reply = await show_status(chat, turn, "")
    return Reply(reply.card, is_new_message=payload.choice != "refresh")


async def _status(chat: Chat, now: datetime) -> StatusFacts:
    state = await chat.app.costs.ingest.state()
    config = await chat.app.administration.config.stored(now)
    problems = list((await chat.app.operations.health.check(now)).failing)
    skew = skew_problem(chat.app.context.pacing.skew())
    problems += [skew] if skew else []
    weekly = [
        run
        for run in await chat.app.runs.views.newest(50)
        if run.kind in {RunKind.WEEKLY, RunKind.TEAM}
    ]
    last = next((run for run in weekly if run.kind is RunKind.WEEKLY), None)
    retry, failed = await _retryable(chat, weekly[:5])
    if failed:
        problems.append(
            f"{plural(failed, 'email')} of {period_words(retry.period) if retry else ''} failed."
        )
    problems += _run_problems(weekly, last)
    problems += _late_data(state)
    channels = await chat.app.administration.conversations.with_alerts()
    sent = await chat.app.runs.views.last_sent(weekly[:5])
    latest = chat.app.operations.diagnostics.latest
    problems += _checkup_problems(latest, state.refreshed_at, sent, problems)
    problems += _unreachable(channels)
    zone = ZoneInfo(config.schedule_timezone)
    slots = await chat.app.runs.requests.upcoming(now, 1)
    upcoming = slots[0].astimezone(zone) if slots else None
    outlook = await chat.app.runs.requests.outlook(RunKind.WEEKLY, now)
    return StatusFacts(
        problems=problems,
        checked_at=exact_time(now),
        source=chat.app.context.source.title,
        metric=state.metric or "",
        data_through=f"{weekday(state.data_through)} (UTC)" if state.data_through else "not yet",
        last_run=await _run_words(chat, last) if last else "none yet",
        next_run=f"{weekday(upcoming.date())} {upcoming:%H:%M} {config.schedule_timezone}"
        if upcoming
        else "none",
        email="outbox of this machine" if outlook.transport == "outbox" else outlook.transport,
        teams=await chat.app.teams.count(),
        anomalies=sum(
            line.anomaly.status == "open" for line in await chat.app.anomalies.listing.list()
        ),
        alerts_to=len(channels),
        costs_read=f"last read {clock_time(state.refreshed_at)}"
        if state.refreshed_at
        else "not read yet",
        email_tried=_email_tried(latest, sent),
        history=_history_words(state),
        is_checked=latest is not None,
        unknown_categories=state.unknown_categories,
        retry=retry,
        failed=failed,
        sample=chat.sample,
    )


def _late_data(state: SourceState) -> list[str]:
    through, expected = state.data_through, state.expected_through
    if through is None or expected is None or through >= expected:
        return []
    return [f"Data is late: complete through {day(through)}, normally {day(expected)}."]


def _unreachable(channels: Sequence[Conversation]) -> list[str]:
    return [
        f"Alerts do not reach {channel.title or channel.kind}: {channel.state}."
        for channel in channels
        if channel.state != "active"
    ]


def _checkup_problems(
    latest: Checkup | None,
    costs_read: datetime | None,
    email_sent: datetime | None,
    known: Sequence[str],
) -> list[str]:
    """What did not work at the last look and has not worked since, unless it is ``known``."""
    if latest is None:
        return []
    return [
        f"{finding.system}, checked {clock_time(latest.at)}: {finding.text}"
        for finding in latest.problems(costs_read, email_sent)
        if not any(finding.text in problem for problem in known)
    ]


def _email_tried(latest: Checkup | None, sent: datetime | None) -> str:
    """When an email was last sent or the mail server last checked; empty if never."""
    if sent is not None and (latest is None or sent > latest.at):
        return f"last sent {clock_time(sent)}"
    if latest is None:
        return "not tried yet"
    return f"last tried {clock_time(latest.at)}: {'works' if latest.email.ok else 'failed'}"


def _history_words(state: SourceState) -> str:
    """How much of the cost history is read; empty once all of it is."""
    if state.has_history or state.history is None:
        return ""
    return f"{state.history.months_read} of {plural(state.history.months, 'month')} read"


def _run_problems(runs: list[Run], last: Run | None) -> list[str]:
    """Why open runs make no progress, and why the last weekly run ended as it did."""
    return [
        f"{period_title(run.period)}: {run.last_error}"
        for run in runs
        if run.last_error
        and (run.state is RunState.OPEN or (run is last and run.state is not RunState.DONE))
    ]


async def _retryable(chat: Chat, runs: list[Run]) -> tuple[Run | None, int]:
    """The newest finished run with failed emails, and how many of them failed."""
    for run in runs:
        if run.state is RunState.OPEN:
            continue
        counts = await chat.app.runs.views.counts(run.id)
        failed = sum(counts.get(state, 0) for state in RETRYABLE)
        if failed:
            return run, failed
    return None, 0


async def _run_words(chat: Chat, run: Run) -> str:
    counts = await chat.app.runs.views.counts(run.id)
    sent = counts.get(DeliveryState.SENT, 0)
    total = sum(counts.values())
    state = "at work" if run.state is RunState.OPEN else run.state.value
    return f"{period_title(run.period)}, {sent:,} of {total:,} sent, {state}, {clock_time(run.created_at)}"


# History


async def show_history(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show who changed what, when, and from where."""
    team = await pick_team(chat, argument, "history") if argument else None
    return Reply(await _history(chat, team, 1))


async def page_history(chat: Chat, turn: Turn, payload: HistoryPayload) -> Reply:
    """Show another page of the audit trail."""
    team = await chat.app.teams.get(payload.team) if payload.team else None
    return Reply(await _history(chat, team, payload.page))


async def _history(chat: Chat, team: Team | None, page: int) -> dict[str, object]:
    teams = await chat.app.teams.list()
    names = {team.id: team.team_name for team in teams}
    names |= {team.aws_account_id: team.team_name for team in teams}
    entries = await _entries(chat, team)
    shown = entries[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    can_undo = chat.app.operations.undo.can_undo
    lines = [AuditLine(entry, _subject(entry, names), can_undo(entry)) for entry in shown]
    return audit_trail(
        lines,
        page,
        len(entries) > page * PAGE_SIZE,
        f" of {team.team_name}" if team else "",
        team.id if team else "",
    )


async def _entries(chat: Chat, team: Team | None) -> list[AuditEntry]:
    if team is None:
        return await chat.app.administration.audit_trail.newest(MAX_HISTORY)
    # Anomalies and planned changes are recorded under the account, the rest under the team.
    entries = await chat.app.administration.audit_trail.newest(MAX_HISTORY, team.id)
    entries += await chat.app.administration.audit_trail.newest(MAX_HISTORY, team.aws_account_id)
    return sorted(entries, key=lambda entry: (entry.at, entry.id), reverse=True)


def _subject(entry: AuditEntry, names: dict[str, str]) -> str:
    values = entry.after or entry.before or {}
    name = names.get(entry.subject) or values.get("team_name") or values.get("name")
    return str(name or values.get("title") or entry.subject)


async def undo(chat: Chat, turn: Turn, payload: UndoPayload) -> Reply:
    """Undo a change."""
    entry = await chat.app.operations.undo.undo(payload.entry, turn.actor, turn.now)
    values = entry.after or entry.before or {}
    name = values.get("team_name") or "The team"
    result = {
        "team.add": f"{name} was removed again",
        "team.remove": f"{name} is back",
        "team.change": f"{name} is as it was before",
        "config.change": "The settings are as they were before",
        "floor.change": "The alert minimum is as it was before",
    }[entry.action]
    at = turn.now.astimezone(UTC)
    text = f"{result}. Undone by {turn.actor.name}, {clock_time(at)}."
    if SCHEDULE & values.keys():
        skipped_week = await chat.app.runs.requests.skipped_week(turn.now)
        if skipped_week:
            text += f" {skipped_sentence(skipped_week)} To send it now, write run report."
    return Reply(general.closed(text))
