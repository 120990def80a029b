"""Why a cost changed, in plain words: the services behind it and what the total hides."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from services.analysis.drivers import excess_lines
from services.domain import Anomaly, Category, ChangeLine, Explanation, ServiceMove
from services.domain.formatting import (
    cents,
    change,
    day,
    listed,
    money,
    moved,
    round_money,
)
from services.domain.service_names import service_name, service_names
from services.presentation.change_rows import CATEGORY_NAMES, charge_name

MIN_ONE_OFF_SHARE = Decimal("0.05")
"""Credits, refunds, tax, and fees below this share of all movement are not worth a sentence."""
MIN_HIDDEN_SHARE = Decimal("0.01")
"""Increases and decreases that cancel out less than this share of the total are not, either."""
MAX_DRIVERS = 3
MIN_DRIVER_PERCENT = 5
"""Percent of an excess below which a service is not named."""
SOLE_DRIVER_PERCENT = 95
"""Percent of an excess from which a service counts as all of it."""
ALL_PERCENT = 100
RUNNER_UP_FACTOR = 4
"""A second service is named next to the first unless it moved by less than a quarter of it."""
MAX_SERVICE_NAME = 60
MAX_NAME_IN_HEADLINE = 30


def drivers(lines: Sequence[ChangeLine], change: Decimal, currency: str) -> str:
    """``mostly EC2 and new Bedrock``: the one or two lines that make up most of a printed change.

    Where they are less than half of it or moved further than all together, only the largest with
    its amount: ``largest rise EC2 ($412.00)``.
    """
    named = _largest(lines, change)
    names = _names(lines, MAX_NAME_IN_HEADLINE)
    for number in (2, 1):
        moved_by = abs(sum((line.printed_change for line in named[:number]), Decimal(0)))
        if abs(change) < 2 * moved_by <= 2 * abs(change):
            return f"mostly {listed([_name_in_headline(line, names) for line in named[:number]])}"
    if not named:
        return ""
    step = "rise" if change > 0 else "fall"
    amount = round_money(abs(named[0].printed_change), currency)
    return f"largest {step} {_name_in_headline(named[0], names)} ({amount})"


def new_services(lines: Sequence[ChangeLine], change: Decimal) -> str:
    """``EC2 and fees``: the one or two lines that most of new spend is for."""
    names = _names(lines, MAX_NAME_IN_HEADLINE)
    return listed(
        [
            CATEGORY_NAMES[line.category] if line.one_off else names[line.name]
            for line in _largest(lines, change)
        ]
    )


def _largest(lines: Sequence[ChangeLine], change: Decimal) -> list[ChangeLine]:
    """The one or two lines that moved most in the direction of a change."""
    along = [line for line in lines if line.printed_change * change > 0]
    along.sort(key=lambda line: (-abs(line.printed_change), line.name))
    return [
        line
        for line in along[:2]
        if abs(line.printed_change) * RUNNER_UP_FACTOR >= abs(along[0].printed_change)
    ]


def _name_in_headline(line: ChangeLine, names: Mapping[str, str]) -> str:
    if line.one_off:
        return charge_name(line)
    name = names[line.name]
    if line.is_part:
        return f"{name} usage"
    return f"new {name}" if cents(line.previous) == 0 else name


def _name_in_sentence(line: ChangeLine, names: Mapping[str, str]) -> str:
    if line.one_off:
        return charge_name(line)
    name = names[line.name]
    return f"{name} usage" if line.is_part else name


def _names(lines: Iterable[ChangeLine], max_length: int) -> dict[str, str]:
    return service_names((line.name for line in lines if not line.one_off), max_length)


def line_name(line: ChangeLine) -> str:
    """The service, or the kind of charge: ``Credits``."""
    return CATEGORY_NAMES[line.category].capitalize() if line.one_off else service_name(line.name)


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
    if largest := _largest_line(explanation, currency):
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


def _largest_line(explanation: Explanation, currency: str) -> str:
    """How much of the printed change its largest line is; empty if nothing changed."""
    line = explanation.largest
    if line is None:
        return ""
    is_up, share = line.printed_change > 0, explanation.percent_of(line)
    name = _name_in_sentence(line, _names(explanation.lines, MAX_SERVICE_NAME))
    if share is not None:
        verb = "account" if line.one_off and line.category is not Category.TAX else "accounts"
        whole = "increase" if is_up else "decrease"
        subject = f"{name[0].upper()}{name[1:]}" if line.one_off else name
        return f"{subject} {verb} for {share}% of the {whole}."
    amount = change(line.printed_change, currency)
    return f"The largest {'rise' if is_up else 'fall'} is {name}, {amount}."


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
    if sum(line.percent for line in lines) > ALL_PERCENT:  # others fell meanwhile
        return ""
    names = service_names((service for service, _ in anomaly.shares), MAX_SERVICE_NAME)
    return ", ".join(f"{names[line.service]} {line.percent}%" for line in lines)


def move_words(move: ServiceMove, currency: str) -> str:
    """``On 5 Nov $800.00 a day moved from EC2 (AmazonEC2) to EC2 (ec2), total unchanged``."""
    where = f"On {day(move.first)}" if move.accounts == 1 else f"In {move.accounts:,} accounts"
    names = service_names([move.source, move.target], MAX_SERVICE_NAME)
    source, target = names[move.source], names[move.target]
    amount = round_money(move.amount, currency)
    return f"{where} {amount} a day moved from {source} to {target}, total unchanged."
