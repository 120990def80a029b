"""What schemathesis cannot learn from the OpenAPI document.

JSON Schema compares no two values, and its patterns know neither time zones nor calendars. Loaded
by schemathesis itself (``SCHEMATHESIS_HOOKS``).
"""

import re
from datetime import date
from typing import Any
from zoneinfo import available_timezones

import schemathesis

ZONES = available_timezones()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Corrects values that match their schema and are refused all the same.

    Each of these refusals has a test of its own. A value that violates its schema is left alone.
    """
    query = case.query or {}
    first, last = query.get("from"), query.get("to")
    if isinstance(first, str) and isinstance(last, str) and first > last:
        query["from"], query["to"] = last, first
    period = query.get("period")
    if isinstance(period, str) and re.fullmatch(r"20\d\d-W53", period, re.ASCII):
        query["period"] = period if has_53_weeks(int(period[:4])) else f"{period[:6]}52"
    if isinstance(case.body, dict):
        zone = case.body.get("schedule_timezone")
        if isinstance(zone, str) and re.fullmatch(r"[A-Za-z0-9_+/-]+", zone) and zone not in ZONES:
            case.body["schedule_timezone"] = "Europe/Berlin"


def has_53_weeks(year: int) -> bool:
    return date(year, 12, 28).isocalendar().week == 53
