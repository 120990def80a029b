"""Cards of the weekly schedule."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from cards.elements import (
    Element,
    card,
    choice_input,
    execute,
    heading,
    note,
    plain,
    problem,
    text,
    text_input,
)
from services.domain import Role, StoredConfig
from services.domain.formatting import listed, weekday
from services.domain.schedule import period_words

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MAX_HOUR = 20
"""Characters of a typed hour that a form shows again."""
MAX_TIME_ZONE = 60


def schedule_card(
    config: StoredConfig,
    slots: Sequence[datetime],
    role: Role,
    typed: Sequence[str] = (),
    problems: Sequence[str] = (),
) -> Element:
    """When the weekly reports go out, and a form to change it.

    ``typed``: the day, hour and time zone that were rejected because of ``problems``.
    """
    is_admin = role == "admin"
    return card(
        [
            *_schedule(config, slots),
            problem([plain(line, 400) for line in problems]) if problems else None,
            *(_inputs(config, typed) if is_admin else []),
        ],
        [execute("Change", "schedule.save", inputs=True)] if is_admin else [],
    )


def schedule_saved(
    config: StoredConfig,
    slots: Sequence[datetime],
    skipped_week: str | None,
    by: str,
    entry: str | None,
) -> Element:
    """Confirms the new schedule; Undo while its audit entry can be undone.

    ``skipped_week``: the current period if its new time has passed, so nothing will run it.
    """
    actions = []
    if skipped_week:
        actions.append(execute("Send this week's reports…", "send", {"team": "weekly"}))
    if entry:
        actions.append(execute("Undo", "undo", {"entry": entry}))
    return card(
        [
            *_schedule(config, slots),
            text(skipped_sentence(skipped_week)) if skipped_week else None,
            note(f"Saved by {plain(by, 60)}."),
        ],
        actions,
    )


def skipped_sentence(week: str) -> str:
    """What happens to the current week when its new time has passed."""
    return (
        f"The new time for the reports of {period_words(week)} has already passed, so they are not "
        "sent automatically."
    )


def _schedule(config: StoredConfig, slots: Sequence[datetime]) -> list[Element]:
    zone = ZoneInfo(config.schedule_timezone)
    local = [slot.astimezone(zone) for slot in slots]
    upcoming = [f"{weekday(slot.date())} {slot:%H:%M}" for slot in local]
    title = (
        f"Weekly reports: {config.schedule_day.capitalize()} "
        f"{config.schedule_hour:02d}:00 {config.schedule_timezone}"
    )
    return [heading(title), *([text(f"Next: {listed(upcoming)}")] if upcoming else [])]


def _inputs(config: StoredConfig, typed: Sequence[str]) -> list[Element]:
    day, hour, time_zone = typed or (
        config.schedule_day,
        str(config.schedule_hour),
        config.schedule_timezone,
    )
    hours = [(f"{h:02d}:00", str(h)) for h in range(24)]
    return [
        choice_input("day", "Day", [(d.capitalize(), d) for d in WEEKDAYS], value=day),
        choice_input("hour", "Hour", hours, value=hour[:MAX_HOUR]),
        text_input(
            "zone",
            "Time zone",
            value=time_zone[:MAX_TIME_ZONE],
            required=True,
            error="Enter an IANA time zone such as Europe/Berlin.",
            max_length=MAX_TIME_ZONE,
        ),
    ]
