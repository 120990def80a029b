"""The amounts of an anomaly, each under the name of what it belongs to.

Beside a driver stand the driver's own amounts; those of its account only under that name.
"""

from services.domain import Anomaly, EventAmounts
from services.domain.formatting import cents, money


def driver_label(anomaly: Anomaly, service: str) -> str:
    """What the amount in a table belongs to; ``service``: the driver's name, ready to print."""
    return service if anomaly.is_of_driver else f"account; {service} rose most"


def account_excess(anomaly: Anomaly) -> str:
    """``account $10,025.68``, where that is not the amount in the table; otherwise empty."""
    if cents(anomaly.excess) == cents(anomaly.amounts.excess):
        return ""
    return f"account {money(anomaly.excess, anomaly.currency)}"


def actual_words(amounts: EventAmounts, currency: str) -> str:
    """``$3,812.90, expected $1,550.00``; empty if it is not known."""
    if amounts.actual is None or amounts.expected is None:
        return ""
    return f"{money(amounts.actual, currency)}, expected {money(amounts.expected, currency)}"


def account_words(anomaly: Anomaly) -> str:
    """``Whole account: $10,025.68 more than expected (actual $26,735.46, expected $16,709.78)``.

    Empty where the driver's amounts say the same, or the account's stand there already.
    """
    if not anomaly.is_of_driver or (
        anomaly.amounts.actual is not None and not account_excess(anomaly)
    ):
        return ""
    words = actual_words(anomaly.account, anomaly.currency)
    if account_excess(anomaly):
        excess = f"{money(anomaly.excess, anomaly.currency)} more than expected"
        words = f"{excess} (actual {words})" if words else excess
    return f"Whole account: {words}." if words else ""
