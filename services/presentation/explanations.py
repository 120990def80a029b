"""Why a cost changed, in plain words: the services behind it and what the total hides."""

from collections.abc import Sequence
from decimal import Decimal

from services.analysis.drivers import excess_lines
from services.domain import Anomaly, ChangeLine, Explanation, ServiceChange, SharedMove
from services.domain.formatting import (
    cents,
    change,
    listed,
    money,
    moved,
    neutral,
    round_money,
)
from services.presentation.change_rows import CATEGORY_NAMES

MIN_ONE_OFF_SHARE = Decimal("0.05")
"""Credits, refunds, tax, and fees below this share of all movement are not worth a sentence."""
MIN_HIDDEN_SHARE = Decimal("0.01")
"""Increases and decreases that cancel out less than this share of the total are not, either."""
MAX_DRIVERS = 3
MIN_DRIVER_PERCENT = 5
"""Percent of an excess below which a service is not named."""
SOLE_DRIVER_PERCENT = 95
"""Percent of an excess from which a service counts as all of it."""
RUNNER_UP_FACTOR = 4
"""A second service is named next to the first unless it moved by less than a quarter of it."""
MAX_SERVICE_NAME = 60
MAX_NAME_IN_HEADLINE = 30


def drivers(services: Sequence[ServiceChange], *, up: bool) -> str:
    """``EC2 and new Bedrock``: the one or two services that moved most in a direction."""
    moved = [s for s in services if s.change != 0 and (s.change > 0) == up]
    if not moved:
        return ""
    largest = abs(moved[0].change)
    named = [s for s in moved[:2] if abs(s.change) * RUNNER_UP_FACTOR >= largest]
    return listed([_name_in_headline(service) for service in named])


def _name_in_headline(service: ServiceChange) -> str:
    name = neutral(service.name, MAX_NAME_IN_HEADLINE)
    return f"new {name}" if service.previous == 0 else name


def line_name(line: ChangeLine) -> str:
    """The service, or the kind of charge: ``Credits``."""
    return CATEGORY_NAMES[line.category].capitalize() if line.one_off else line.name


def masked_words(explanation: Explanation, currency: str) -> str:
    """Say that increases and decreases cancel out; empty when they hide too little."""
    total = max(abs(explanation.previous), explanation.current)
    if not cents(explanation.hidden) or explanation.hidden < MIN_HIDDEN_SHARE * total:
        return ""
    up = cents(explanation.up)
    down = up - moved(explanation.current, explanation.previous)
    if min(up, down) <= 0:  # half a cent on each side may round to nothing on one
        return ""
    return (
        f"The total hides larger changes: {money(up, currency)} up, {money(down, currency)} down."
    )


def reasons(explanation: Explanation, currency: str) -> list[str]:
    """What a change is made of, in at most three sentences."""
    sentences = []
    masked = masked_words(explanation, currency)
    if largest := _largest_line(explanation, masked=bool(masked)):
        sentences.append(largest)
    movement = explanation.up + explanation.down
    if abs(explanation.one_off_change) >= MIN_ONE_OFF_SHARE * movement > 0:
        sentences.append(_split_words(explanation, currency))
    if masked:
        sentences.append(masked)
    return sentences


def _split_words(explanation: Explanation, currency: str) -> str:
    """``Usage +$92.00; credits, refunds, tax and fees −$30.00.``; adds up to the net change.

    Usage moved by the difference of the two amounts of usage that other places print.
    """
    usage = moved(*explanation.usage)
    one_off = moved(explanation.current, explanation.previous) - usage
    return (
        f"Usage {change(usage, currency) if usage else 'unchanged'}; credits, refunds, tax and "
        f"fees {change(one_off, currency)}."
    )


def _largest_line(explanation: Explanation, *, masked: bool) -> str:
    """The service behind most of a change; empty when it is not usage, or nothing changed."""
    up, share = explanation.change > 0, explanation.explains()
    moved = (line for line in explanation.lines if line.change and (line.change > 0) == up)
    first = next(moved, None)
    if first is None or share is None or first.one_off or not cents(explanation.change):
        return ""
    name = neutral(first.name, MAX_SERVICE_NAME)
    if masked:  # the share is one of the increases (or decreases), which exceed the net change
        return f"{name} accounts for {share}% of everything that went {'up' if up else 'down'}."
    return f"{name} accounts for {share}% of the {'increase' if up else 'decrease'}."


def driver_words(anomaly: Anomaly) -> str:
    """``EC2 91%, S3 9%``: the services behind an excess; empty when it is the driver alone."""
    lines = [
        line
        for line in excess_lines(anomaly.excess, anomaly.shares, MAX_DRIVERS)
        if line.service and line.percent >= MIN_DRIVER_PERCENT
    ]
    if (
        len(lines) == 1
        and lines[0].percent >= SOLE_DRIVER_PERCENT
        and lines[0].service == anomaly.service
    ):
        return ""
    return ", ".join(
        f"{neutral(line.service, MAX_SERVICE_NAME)} {line.percent}%" for line in lines
    )


def shared_words(move: SharedMove, currency: str) -> str:
    """Say that a service moved the same way in many accounts, which points to its price."""
    verb = "rose" if move.up else "fell"
    amount = round_money(abs(move.change), currency)
    return (
        f"{neutral(move.service, MAX_SERVICE_NAME)} {verb} in {move.accounts:,} of the "
        f"{move.using:,} accounts that use it, by {amount} in total, which often means a price "
        "change."
    )
