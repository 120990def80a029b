"""The notices at the top of cards."""

from datetime import date

from cards.elements import Element, notice
from services.presentation import SAMPLE_NOTICE, late_notice


def sample_notice(sample: bool) -> Element | None:
    """The first element of every card that is made from sample costs."""
    return notice(SAMPLE_NOTICE) if sample else None


def late_data_notice(data_through: date, expected: date) -> Element | None:
    """Says that cost data is late; nothing if it is not."""
    words = late_notice(data_through, expected)
    return notice(words) if words else None
