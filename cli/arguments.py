"""Types of arguments that argparse parses and validates."""

import argparse
import math
from datetime import date

MAX_DAYS = 3660


def day(text: str) -> date:
    """Parse a day in ISO format."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-11-20") from None


def percent(text: str) -> float:
    """Parse a percentage above 0, with or without a percent sign."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage above 0")
    return value


def number_of_days(text: str) -> int:
    """Parse a number of days from 1 to ten years."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to {MAX_DAYS}")
    return int(text)
