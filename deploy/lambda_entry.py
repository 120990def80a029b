"""AWS Lambda: one run per event, with an external MongoDB.

An event of an EventBridge schedule does the weekly run of the current week. A run is unique by its
period, so an event that is delivered twice, or again after an error, resumes the same run and emails
nobody twice. ``{"job": "tick"}`` does what the scheduler of a serving agent does at each tick: the
weekly run when its slot is due, the daily run, alerts.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Protocol

from app import Agent, open_agent
from cli.run_report import all_sent, work_on_report
from cli.waiting import PATIENCE_SECONDS, when_mongodb_responds
from services.adapters.logs import log_as_set
from services.domain import Actor
from services.domain.errors import InvalidError, SettingsError
from services.settings import load_settings

ACTOR = Actor(interface="scheduler", name="EventBridge")
SPARE_SECONDS = 20.0
"""Reserved from the time that Lambda allows, so that work in progress can finish."""


class LambdaContext(Protocol):
    """What Lambda says about the invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the function."""
        ...


class NotAllSentError(Exception):
    """Some emails were not sent; Lambda reports it as an error, and retries asynchronous events."""


def handler(event: Any, context: LambdaContext) -> dict[str, object]:
    """Handle an event; the function's handler is ``deploy.lambda_entry.handler``.

    Returns the outcome of the run. Raises NotAllSentError, or an AgentError that says what to do.
    """
    if not isinstance(event, Mapping):
        raise InvalidError("The event must be a JSON object, such as {} for the weekly report.")
    if event.get("job") not in {None, "tick"}:
        raise InvalidError('The event\'s job must be "tick". Leave it out for the weekly report.')
    seconds = max(context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS, 1.0)
    return asyncio.run(_handle(event, seconds))


async def _handle(event: Mapping[str, Any], seconds: float) -> dict[str, object]:
    settings = load_settings(env_file=None)
    if settings.mongo.url is None:
        raise SettingsError(
            "MONGO_URL is not set. Lambda stores nothing between events, so set it to the URL of a MongoDB."
        )
    log_as_set(settings)
    patience = min(PATIENCE_SECONDS, seconds / 2)
    async with AsyncExitStack() as stack:
        agent = await when_mongodb_responds(
            lambda: stack.enter_async_context(open_agent(settings)), patience
        )
        if event.get("job") == "tick":
            return await _tick(agent, seconds)
        return await _report(agent, event, seconds)


async def _tick(agent: Agent, seconds: float) -> dict[str, object]:
    await agent.tick()
    await agent.background.drain(seconds)
    return {"job": "tick"}


async def _report(agent: Agent, event: Mapping[str, Any], seconds: float) -> dict[str, object]:
    period, team = _text(event, "period"), _text(event, "team")
    try:
        view, _ = await work_on_report(
            agent.app,
            period=period,
            team=team,
            again=event.get("again") is True,
            actor=ACTOR,
            patience=timedelta(seconds=seconds),
        )
    finally:
        agent.app.mailing.sender.stop()
        await agent.background.drain(SPARE_SECONDS / 2)
    counts = {state.value: count for state, count in view.counts.items()}
    outcome: dict[str, object] = {
        "run": view.run.id,
        "state": view.run.state.value,
        "emails": counts,
        "mails": counts,  # the name until 0.1, for one more version
    }
    if not all_sent(view):
        raise NotAllSentError(
            f"Not all emails of {view.run.id} were sent ({counts}). See the run's deliveries."
        )
    return outcome


def _text(event: Mapping[str, Any], name: str) -> str | None:
    value = event.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise InvalidError(f"The event's {name} must be text. Leave it out for the default.")
    return value.strip()
