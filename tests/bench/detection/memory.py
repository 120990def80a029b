"""A watch as a document, and back: what is kept of an account from one day to the next.

Names of services come from outside and are values, never keys. Amounts are 32-bit floats,
little-endian; a year of an account with ten services takes about six kilobytes.
"""

import sys
from array import array
from collections.abc import Mapping
from typing import Any

from services.analysis.detection.event import Event
from services.analysis.detection.habits import Bump
from services.analysis.detection.rows import BACK_DAYS, KEPT_DAYS
from services.analysis.detection.rules import Rules
from services.analysis.detection.watch import Watch

KEPT_SUMS = BACK_DAYS + 1
FORM = 1
"""Raised when the form changes: an older document is then learned anew from the history."""


def packed(watch: Watch) -> dict[str, Any]:
    """The state of a watch as plain values, for a BSON document."""
    width = watch.width
    rows = watch.rows[-KEPT_DAYS * width :]
    first = watch.next_day - len(rows) // width
    return {
        "form": FORM,
        "names": watch.names[1:],
        "begin": watch.begin,
        "first": first,
        "silent": watch.silent,
        "rows": _bytes(rows),
        "sums": _bytes(watch.sums[-KEPT_SUMS * width :]),
        "taken": [
            [day, column, amount]
            for day, columns in sorted(watch.taken.items())
            if day >= first
            for column, amount in sorted(columns.items())
        ],
        "usual": [
            [day, column, amount]
            for day, columns in sorted(watch.usual.items())
            if day >= first
            for column, amount in sorted(columns.items())
        ],
        "gaps": sorted(day for day in watch.gaps if day >= first),
        "bumps": [
            [column, bump.day, bump.excess]
            for column, bumps in sorted(watch.bumps.items())
            for bump in bumps
        ],
        "event": _event(watch.event),
        "before": _event(watch.before),
    }


def unpacked(document: Mapping[str, Any], rules: Rules) -> Watch | None:
    """The watch of a document; None when it has another form."""
    if document.get("form") != FORM:
        return None
    watch = Watch(rules, document["names"])
    watch.begin, watch.first = document["begin"], document["first"]
    watch.silent = document["silent"]
    watch.rows = _floats(document["rows"])
    sums = _floats(document["sums"])
    watch.sums = array("f", bytes(4 * (len(watch.rows) - len(sums)))) + sums
    for day, column, amount in document["taken"]:
        watch.taken.setdefault(day, {})[column] = amount
    for day, column, amount in document["usual"]:
        watch.usual.setdefault(day, {})[column] = amount
    watch.gaps = set(document["gaps"])
    for column, day, excess in document["bumps"]:
        watch.bumps.setdefault(column, []).append(Bump(day, excess))
    watch.event, watch.before = _to_event(document["event"]), _to_event(document["before"])
    return watch


def _bytes(amounts: "array[float]") -> bytes:
    if sys.byteorder == "big":
        amounts = array("f", amounts)
        amounts.byteswap()
    return amounts.tobytes()


def _floats(packed_amounts: bytes) -> "array[float]":
    amounts = array("f")
    amounts.frombytes(packed_amounts)
    if sys.byteorder == "big":
        amounts.byteswap()
    return amounts


def _event(event: Event | None) -> dict[str, Any] | None:
    if event is None:
        return None
    return {
        "start": event.start,
        "raised": event.raised,
        "last": event.last,
        "horizon": event.horizon,
        "score": event.score,
        "sums": [list(pair) for pair in event.sums.items()],
        "shares": [list(pair) for pair in sorted(event.shares.items())],
        "quiet": event.quiet,
        "ended": event.ended,
        "accepted": event.accepted,
    }


def _to_event(document: Mapping[str, Any] | None) -> Event | None:
    if document is None:
        return None
    return Event(
        **{
            **document,
            "sums": dict(document["sums"]),
            "shares": dict(document["shares"]),
        }
    )
