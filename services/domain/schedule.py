"""When the weekly run is due: pure functions of the stored schedule and an instant.

The slot of an ISO week is the scheduled weekday and hour, local time, in the scheduled zone.
Where a change of the clocks skips that hour, the slot is the first instant after the gap; where
it comes twice, the slot is its first coming.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.domain import Month, StoredConfig
from services.domain.errors import InvalidError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CATCH_UP = timedelta(days=3)
JUST_DUE = timedelta(minutes=2)
"""Some ticks."""
FIRST_YEAR = 2000
"""There was no AWS before."""
PERIOD = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def parse_period(text: str) -> tuple[int, int]:
    """ISO year and week of ``2026-W47``; InvalidError when it is none."""
    match = PERIOD.fullmatch(text)
    if match:
        year, week = int(match[1]), int(match[2])
        try:
            date.fromisocalendar(year, week, 7)
        except ValueError:
            pass
        else:
            if year >= FIRST_YEAR:
                return year, week
    raise InvalidError(
        f'"{text}" is no period. Give an ISO week such as 2026-W47.',
        [("period", "is not an ISO week such as 2026-W47")],
    )


def month_of(text: str) -> Month | None:
    """The month of ``2026-10``, which can be looked at like a period; None when it is none."""
    match = MONTH.fullmatch(text)
    if match and int(match[1]) >= FIRST_YEAR:
        return Month(int(match[1]), int(match[2]))
    return None


def period_label(day: date) -> str:
    """The ISO week of a local date: ``2026-W48``."""
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def period_of(instant: datetime, zone: str) -> str:
    """The period that an instant falls into, in the schedule's zone."""
    return period_label(instant.astimezone(ZoneInfo(zone)).date())


def slot_of_period(config: StoredConfig, period: str) -> datetime:
    """The instant (UTC) at which a period's report is due."""
    year, week = parse_period(period)
    day = date.fromisocalendar(year, week, WEEKDAYS.index(config.schedule_day) + 1)
    return _instant(day, config.schedule_hour, ZoneInfo(config.schedule_timezone))


def _instant(day: date, hour: int, zone: ZoneInfo) -> datetime:
    local = datetime.combine(day, time(hour), zone)  # fold=0: the first of two
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # The hour does not exist: fold=0 reads it with the offset before the gap, so the gap's end
    # lies at most the gap before the instant; minutes are the finest step any zone has used
    # since clocks are changed.
    while True:
        earlier = instant - timedelta(minutes=1)
        if earlier.astimezone(zone).replace(tzinfo=None) < local.replace(tzinfo=None):
            return instant
        instant = earlier


def due_slot(
    config: StoredConfig, now: datetime, catch_up: timedelta = CATCH_UP
) -> datetime | None:
    """The newest slot that is due: not after ``now``, not before the first start or the last
    schedule change, and missed by no more than ``catch_up``; None when there is none.
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
    """The periods whose run the clock is to begin now, unless it is there."""
    found = [period for period, slot in config.owed if slot <= now <= slot + CATCH_UP]
    slot = due_slot(config, now)
    if slot is not None:
        found.append(period_of(slot, config.schedule_timezone))
    return found


def rescheduled(config: StoredConfig, before: StoredConfig, now: datetime) -> StoredConfig:
    """A changed schedule as it counts from ``now`` on.

    Slots before the change are never run, but for one that came due in the moment before it and
    that no tick may have seen yet.
    """
    owed = [one for one in before.owed if now - one[1] <= JUST_DUE]
    slot = due_slot(before, now, JUST_DUE)
    if slot is not None:
        owed.append((period_of(slot, before.schedule_timezone), slot))
    return config.model_copy(update={"schedule_since": now, "owed": tuple(owed)})


def missed_slot(config: StoredConfig, now: datetime) -> datetime | None:
    """The newest slot that is too old to be caught up with and not older than four weeks."""
    local = now.astimezone(ZoneInfo(config.schedule_timezone)).date()
    for weeks in range(5):
        slot = slot_of_period(config, period_label(local - timedelta(weeks=weeks)))
        if slot <= now - CATCH_UP:
            since = config.schedule_since
            return slot if since is None or slot >= since else None
    return None


def next_slots(config: StoredConfig, now: datetime, count: int = 3) -> list[datetime]:
    """The next slots after ``now``, in order (UTC)."""
    local = now.astimezone(ZoneInfo(config.schedule_timezone)).date()
    slots = (
        slot_of_period(config, period_label(local + timedelta(weeks=weeks)))
        for weeks in range(count + 2)
    )
    return [slot for slot in slots if slot > now][:count]


def reference_time(period: str, zone: str, now: datetime) -> datetime:
    """The instant as of which a period is reported: now, or the end of its week once over."""
    year, week = parse_period(period)
    monday_after = date.fromisocalendar(year, week, 1) + timedelta(days=7)
    end = datetime.combine(monday_after, time(0), ZoneInfo(zone)).astimezone(UTC)
    return min(now, end)
