"""Numbers as people type and paste them: ``1,000``, ``1.000,50``, ``12,5``, ``1'000``, ``$50``.

The agent itself prints ``$1,000.00``, and half of its readers write a decimal comma. So a comma or
point before exactly three digits separates thousands, unless zero is before it (``0.125``).
A percentage such as ``33.333`` can mean both, and is asked about.
"""

import re
from decimal import Decimal

from services.domain.formatting import SYMBOLS, neutral

MAX_LENGTH = 40
MAX_QUOTED = 40
_NUMBER = r"[\d.,'](?:[\d.,' ]*[\d.,'])?"
PERCENT = re.compile(
    rf"(?P<sign>[+-]?) ?(?P<number>{_NUMBER}) ?(?:%|percent)?", re.ASCII | re.IGNORECASE
)
AMOUNT = re.compile(
    rf"(?P<sign>[+-]?)(?P<before>[^\s\d.,'+-]{{0,3}}) ?(?P<number>{_NUMBER}) ?(?P<after>[^\s\d.,'+-]{{0,3}})"
)
"""A number with a currency before or behind it: ``$50``, ``CHF 50``, ``50 €``."""
GROUPED = re.compile(
    r"(?P<whole>(?!0+\D)\d{1,3}(?:(?P<separator>[.,' ])\d{3})(?:(?P=separator)\d{3})*)"
    r"(?:(?!(?P=separator))[.,](?P<fraction>\d+))?",
    re.ASCII,
)
PLAIN = re.compile(r"(?P<whole>\d*)(?:[.,](?P<fraction>\d+))?", re.ASCII)
ONE_OF_TWO = re.compile(r"(?P<whole>\d{1,2})(?P<separator>[.,])(?P<rest>\d{3})", re.ASCII)
"""Read as thousands, a percentage nobody sets; read as a decimal, an ordinary one."""
THOUSANDS = re.compile(r"\d,000", re.ASCII)
"""As the agent prints a percentage of a thousand and more; nobody types three zeros as decimals."""
LOOKALIKES = str.maketrans({"−": "-", "–": "-", "’": "'", "‘": "'", "％": "%"})


def parse_percent(text: str) -> Decimal:
    """``25``, ``25%``, ``12,5``, ``1,000``. Raises ValueError with the reason."""
    match = PERCENT.fullmatch(_tidy(text))
    if match is None:
        raise ValueError(f"“{_quoted(text)}” is not a percentage; give a number such as 25")
    number = match["number"]
    two = ONE_OF_TWO.fullmatch(number)
    if two and int(two["whole"]) and not THOUSANDS.fullmatch(number):
        whole, rest = two["whole"], two["rest"]
        raise ValueError(
            f"“{_quoted(text)}” can be read in two ways; write {whole}.{rest}0 or {whole}{rest}"
        )
    return _signed(match["sign"], number, text, "a percentage")


def parse_amount(text: str, currency: str) -> Decimal:
    """``50``, ``$1,000``, ``1.000,50 €``. Raises ValueError with the reason.

    A currency may be given with it, but no other than the one that costs come in.
    """
    match = AMOUNT.fullmatch(_tidy(text))
    if match is None or (match["before"] and match["after"]):
        raise ValueError(f"“{_quoted(text)}” is not an amount; give a number such as 50")
    unit = (match["before"] or match["after"]).casefold()
    if unit not in {"", currency.casefold(), SYMBOLS.get(currency, "").casefold()}:
        raise ValueError(f"“{_quoted(text)}” is not in {currency}; give an amount in {currency}")
    return _signed(match["sign"], match["number"], text, "an amount")


def _tidy(text: str) -> str:
    line = neutral(text, MAX_LENGTH + 1)
    return line.translate(LOOKALIKES) if len(line) <= MAX_LENGTH else ""


def _quoted(text: str) -> str:
    return neutral(text, MAX_QUOTED)


def _signed(sign: str, number: str, text: str, noun: str) -> Decimal:
    match = GROUPED.fullmatch(number) or PLAIN.fullmatch(number)
    if match is None:
        raise ValueError(f"“{_quoted(text)}” is not {noun}; give a number such as 50")
    whole = re.sub(r"\D", "", match["whole"])
    return Decimal(f"{sign}{whole or 0}.{match['fraction'] or 0}")
