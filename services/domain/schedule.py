"""When the weekly run is due: pure functions of the stored schedule and an instant.

A slot is the scheduled weekday and hour of an ISO week, as local time in the schedule's time zone.
When daylight saving time skips that hour, the slot is the first instant after the gap; when the
hour occurs twice, the slot is the first one.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.domain import Month, StoredConfig
from services.domain.errors import InvalidError
from services.domain.formatting import day

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CATCH_UP = timedelta(days=3)
JUST_DUE = timedelta(minutes=2)
"""A few ticks of the scheduler."""
MIN_YEAR = 2000
"""Before AWS existed."""
PERIOD = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def parse_period(text: str) -> tuple[int, int]:
    """Parse ``2026-W47`` into ISO year and week. Raises InvalidError."""
    match = PERIOD.fullmatch(text)
    if match:
        year, week = int(match[1]), int(match[2])
        try:
            date.fromisocalendar(year, week, 7)
        except ValueError:
            pass
        else:
            if year >= MIN_YEAR:
                return year, week
    raise InvalidError(
        f'"{text}" is not a period. Give an ISO week such as 2026-W47.',
        [("period", "is not an ISO week such as 2026-W47")],
    )


def month_of(text: str) -> Month | None:
    """Parse ``2026-10``, which can be shown like a period; None if the text is not a month."""
    match = MONTH.fullmatch(text)
    if match and int(match[1]) >= MIN_YEAR:
        return Month(int(match[1]), int(match[2]))
    return None


def period_label(local: date) -> str:
    """Format the ISO week of a local date: ``2026-W48``."""
    year, week, _ = local.isocalendar()
    return f"{year:04d}-W{week:02d}"


def period_title(period: str) -> str:
    """A period as a title: ``Week of 23 Nov``, ``October 2026``, ``24 Nov``.

    Anything else, such as the key of a notice, stays as it is.
    """
    if (monday := _monday(period)) is not None:
        return f"Week of {day(monday)}"
    if (month := month_of(period)) is not None:
        return f"{month.span.first:%B %Y}"
    try:
        return day(date.fromisoformat(period))
    except ValueError:
        return period


def period_words(period: str) -> str:
    """The same within a sentence: ``the week of 23 Nov``."""
    title = period_title(period)
    return title if _monday(period) is None else f"the {title[0].lower()}{title[1:]}"


def _monday(period: str) -> date | None:
    try:
        return date.fromisocalendar(*parse_period(period), 1)
    except InvalidError:
        return None


def period_of(instant: datetime, zone: str) -> str:
    """The period that contains an instant, in the schedule's time zone."""
    return period_label(instant.astimezone(ZoneInfo(zone)).date())


def slot_of_period(config: StoredConfig, period: str) -> datetime:
    """The instant (UTC) at which a period's report is due."""
    year, week = parse_period(period)
    slot_day = date.fromisocalendar(year, week, WEEKDAYS.index(config.schedule_day) + 1)
    return _instant(slot_day, config.schedule_hour, ZoneInfo(config.schedule_timezone))


def _instant(slot_day: date, hour: int, zone: ZoneInfo) -> datetime:
    # fold=0 (the default) is the first of two equal local times (PEP 495).
    local = datetime.combine(slot_day, time(hour), zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # The local hour does not exist. With fold=0 Python applies the offset from before the gap
    # (PEP 495), which gives an instant after the gap, by less than its length. So walk back to
    # the gap's end, in minutes: no zone has had finer transitions since MIN_YEAR.
    while True:
        earlier = instant - timedelta(minutes=1)
        if earlier.astimezone(zone).replace(tzinfo=None) < local.replace(tzinfo=None):
            return instant
        instant = earlier


def due_slot(
    config: StoredConfig, now: datetime, catch_up: timedelta = CATCH_UP
) -> datetime | None:
    """Return the newest slot that is due, or None.

    Due: not after ``now``, not before the first start or the last schedule change, and missed by
    no more than ``catch_up``.
    """
    local = now.astimezone(ZoneInfo(config.schedule_timezone)).date()
    for weeks in (0, 1):
        slot = slot_of_period(config, period_label(local - timedelta(weeks=weeks)))
        if slot > now or now - slot > catch_up:
            continue
        if config.schedule_since is not None and slot < config.schedule_since:
            continue
        return slot
    return None


def due_periods(config: StoredConfig, now: datetime) -> list[str]:
    """The periods whose run the scheduler should start now, unless it exists."""
    periods = [period for period, slot in config.owed if slot <= now <= slot + CATCH_UP]
    slot = due_slot(config, now)
    if slot is not None:
        periods.append(period_of(slot, config.schedule_timezone))
    return periods


def rescheduled(config: StoredConfig, before: StoredConfig, now: datetime) -> StoredConfig:
    """Make a changed schedule effective from ``now`` on.

    Slots before the change are never run, except one that came due so shortly before it that the
    scheduler may not have ticked since: without ``owed`` that week's report would be lost.
    """
    owed = [(period, slot) for period, slot in before.owed if now - slot <= JUST_DUE]
    slot = due_slot(before, now, JUST_DUE)
    if slot is not None:
        owed.append((period_of(slot, before.schedule_timezone), slot))
    return config.model_copy(update={"schedule_since": now, "owed": tuple(owed)})


def missed_slot(config: StoredConfig, now: datetime) -> datetime | None:
    """The newest slot of the last four weeks that is too old to catch up on; None if none."""
    local = now.astimezone(ZoneInfo(config.schedule_timezone)).date()
    for weeks in range(5):
        slot = slot_of_period(config, period_label(local - timedelta(weeks=weeks)))
        if slot <= now - CATCH_UP:
            since = config.schedule_since
            return slot if since is None or slot >= since else None
    return None


def next_slots(config: StoredConfig, now: datetime, count: int = 3) -> list[datetime]:
    """The next ``count`` slots after ``now``, in order (UTC)."""
    local = now.astimezone(ZoneInfo(config.schedule_timezone)).date()
    slots = (
        slot_of_period(config, period_label(local + timedelta(weeks=weeks)))
        for weeks in range(count + 2)
    )
    return [slot for slot in slots if slot > now][:count]


def reference_time(period: str, zone: str, now: datetime) -> datetime:
    """The instant as of which a period is reported: now, or the end of its week if that is past."""
    year, week = parse_period(period)
    monday_after = date.fromisocalendar(year, week, 1) + timedelta(days=7)
    end = datetime.combine(monday_after, time(0), ZoneInfo(zone)).astimezone(UTC)
    return min(now, end)
