"""Types of arguments that argparse parses and validates."""

import argparse
from datetime import date

from services.domain.typed_numbers import parse_percent

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
        value = parse_percent(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage above 0")
    return float(value)


def number_of_days(text: str) -> int:
    """Parse a number of days from 1 to ten years."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to {MAX_DAYS}")
    return int(text)
