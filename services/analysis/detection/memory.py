"""A watch as bytes, and back: what is kept of an account from one day to the next.

A few numbers, a line of JSON with the names of the services, one with all that is rare, then the
amounts as 32-bit floats, little-endian: what is normal of each day, and the sums of the last weeks. An
account with ten services takes about seven kilobytes, however old it is.

On most days nothing can stand out of an account: such a day is added to the bytes, and the rest is
not even read.
"""

import json
import math
import struct
import sys
from array import array
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.analysis.detection.event import Event
from services.analysis.detection.habits import Bump
from services.analysis.detection.rows import BACK_DAYS, KEPT_DAYS, append
from services.analysis.detection.rules import LEARNING_DAYS, Rules
from services.analysis.detection.screen import screened
from services.analysis.detection.watch import Watch

KEPT_SUMS = BACK_DAYS + 1
FLOAT = 4
"""Bytes of an amount."""
HEAD = struct.Struct("<?IIIII")


class Head(NamedTuple):
    """The numbers at the begin of a state."""

    calm: bool
    """Whether no event is open, and the last day had usage."""
    begin: int
    """First day with usage; 0 before it."""
    first: int
    """Day of the first row."""
    sums: int
    """How many sums there are."""
    names: int
    rare: int
    """Lengths of the lines in bytes."""


def packed(watch: Watch) -> bytes:
    """All that a watch needs to judge the next day as if it had never been put away."""
    width = watch.width
    rows = watch.rows[-KEPT_DAYS * width :]
    sums = watch.sums[-KEPT_SUMS * width :]
    rare = {
        "silent": watch.silent,
        "taken": _cells(watch.taken),
        "usual": _cells(watch.usual),
        "gaps": list(watch.gaps),
        "bumps": [
            [column, bump.day, bump.excess]
            for column in watch.bumps
            for bump in watch.recent(column)
        ],
        "event": _event(watch.event),
        "before": _event(watch.before),
    }
    names, line = json.dumps(watch.names[1:]).encode(), json.dumps(rare).encode()
    head = Head(
        calm=watch.event is None and watch.begin is not None and not watch.silent,
        begin=watch.begin or 0,
        first=watch.next_day - len(rows) // width,
        sums=len(sums),
        names=len(names),
        rare=len(line),
    )
    return b"".join((HEAD.pack(*head), names, line, _bytes(rows), _bytes(sums)))


def unpacked(state: bytes, rules: Rules) -> Watch:
    """The watch of a state that was packed by this very version."""
    head = Head(*HEAD.unpack_from(state))
    names, rare, rows, sums = _parts(state, head)
    watch = Watch(rules, json.loads(names))
    watch.begin, watch.first = head.begin or None, head.first
    watch.rows = rows
    watch.sums = array("f", bytes(FLOAT * (len(rows) - len(sums)))) + sums
    told = json.loads(rare)
    watch.silent = told["silent"]
    for kept, cells in ((watch.taken, told["taken"]), (watch.usual, told["usual"])):
        for day, column, amount in cells:
            if day >= head.first:
                kept.setdefault(day, {})[column] = amount
    watch.gaps = {day for day in told["gaps"] if day >= head.first}
    for column, day, excess in told["bumps"]:
        watch.bumps.setdefault(column, []).append(Bump(day, excess))
    watch.event, watch.before = _to_event(told["event"]), _to_event(told["before"])
    return watch


def after_calm_day(
    state: bytes, day: int, usage: Mapping[str, float], floor: float
) -> bytes | None:
    """The state after a day on which nothing can stand out; None: it is to be judged.

    It comes to the same as judging ``usage`` by service on the day after the last one. ``floor``
    is that of the rules.
    """
    head = Head(*HEAD.unpack_from(state))
    if not head.calm or day - head.begin < LEARNING_DAYS:
        return None
    names, rare, rows, sums = _parts(state, head)
    services: list[str] = json.loads(names)
    row = [0.0, *(usage.get(name, 0.0) for name in services)]
    row[0] = math.fsum(row)
    if row[0] <= 0 or not usage.keys() <= set(services):
        return None
    append(rows, sums, row)
    if screened(rows, sums, row, floor):
        return None
    width = len(row)
    spare = max(len(rows) - KEPT_DAYS * width, 0)
    kept = sums[-KEPT_SUMS * width :]
    first = head.first + spare // width
    new = HEAD.pack(True, head.begin, first, len(kept), head.names, head.rare)
    return b"".join((new, names, rare, _bytes(rows[spare:]), _bytes(kept)))


def _parts(state: bytes, head: Head) -> "tuple[bytes, bytes, array[float], array[float]]":
    """The names, what is rare, the rows and the sums."""
    names = HEAD.size + head.names
    rare = names + head.rare
    sums = len(state) - FLOAT * head.sums
    return (
        state[HEAD.size : names],
        state[names:rare],
        _floats(state[rare:sums]),
        _floats(state[sums:]),
    )


def _cells(held: Mapping[int, Mapping[int, float]]) -> list[tuple[int, int, float]]:
    """As (day, column, amount)."""
    return [
        (day, column, amount)
        for day, columns in held.items()
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
