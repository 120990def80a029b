"""A watch as bytes, and back: what is kept of an account from one day to the next.

A line of JSON, then the amounts as 32-bit floats, little-endian: what is normal of each day, and the
sums of the last weeks. An account with ten services takes about seven kilobytes, however old it is.
"""

import json
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
FLOAT = 4
"""Bytes of an amount."""


def packed(watch: Watch) -> bytes:
    """All that a watch needs to judge the next day as if it had never been put away."""
    width = watch.width
    rows = watch.rows[-KEPT_DAYS * width :]
    sums = watch.sums[-KEPT_SUMS * width :]
    first = watch.next_day - len(rows) // width
    told = {
        "names": watch.names[1:],
        "begin": watch.begin,
        "first": first,
        "silent": watch.silent,
        "sums": len(sums),
        "taken": _cells(watch.taken, first),
        "usual": _cells(watch.usual, first),
        "gaps": sorted(day for day in watch.gaps if day >= first),
        "bumps": [
            [column, bump.day, bump.excess]
            for column, bumps in sorted(watch.bumps.items())
            for bump in bumps
        ],
        "event": _event(watch.event),
        "before": _event(watch.before),
    }
    line = json.dumps(told, separators=(",", ":")).encode()
    return b"".join((line, b"\n", _bytes(rows), _bytes(sums)))


def unpacked(state: bytes, rules: Rules) -> Watch:
    """The watch of a state that was packed by this very version."""
    line = state.index(b"\n")
    told = json.loads(state[:line])
    watch = Watch(rules, told["names"])
    watch.begin, watch.first, watch.silent = told["begin"], told["first"], told["silent"]
    ends = len(state) - FLOAT * told["sums"]
    watch.rows, sums = _floats(state[line + 1 : ends]), _floats(state[ends:])
    watch.sums = array("f", bytes(FLOAT * (len(watch.rows) - len(sums)))) + sums
    for kept, cells in ((watch.taken, told["taken"]), (watch.usual, told["usual"])):
        for day, column, amount in cells:
            kept.setdefault(day, {})[column] = amount
    watch.gaps = set(told["gaps"])
    for column, day, excess in told["bumps"]:
        watch.bumps.setdefault(column, []).append(Bump(day, excess))
    watch.event, watch.before = _to_event(told["event"]), _to_event(told["before"])
    return watch


def _cells(held: Mapping[int, Mapping[int, float]], first: int) -> list[tuple[int, int, float]]:
    """(day, column, amount) of the days that are kept."""
    return [
        (day, column, amount)
        for day, columns in held.items()
        if day >= first
        for column, amount in columns.items()
    ]


def _bytes(amounts: "array[float]") -> bytes:
    if sys.byteorder == "big":
        amounts = array("f", amounts)
        amounts.byteswap()
    return amounts.tobytes()


def _floats(state: bytes) -> "array[float]":
    amounts = array("f")
    amounts.frombytes(state)
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
        # Lists: the keys of JSON are text, and days are numbers.
        "sums": list(event.sums.items()),
        "shares": list(event.shares.items()),
        "quiet": event.quiet,
        "ended": event.ended,
        "accepted": event.accepted,
    }


def _to_event(told: Mapping[str, Any] | None) -> Event | None:
    if told is None:
        return None
    return Event(**{**told, "sums": dict(told["sums"]), "shares": dict(told["shares"])})
