"""Which currency a unit's name and symbol mean.

A symbol says little: two dozen currencies are written $, three ¥. So a code wins over everything,
a name over a symbol, and a symbol of several currencies counts only where nothing else is stated.
"""

import re
from collections.abc import Mapping

CODE = re.compile(r"[A-Z]{3}")
NAMES: Mapping[str, str] = {
    "argentine peso": "ARS",
    "australian dollar": "AUD",
    "brazilian real": "BRL",
    "british pound": "GBP",
    "canadian dollar": "CAD",
    "chilean peso": "CLP",
    "chinese yuan": "CNY",
    "chinese yuan renminbi": "CNY",
    "colombian peso": "COP",
    "czech koruna": "CZK",
    "danish krone": "DKK",
    "euro": "EUR",
    "eurocent": "EUR",
    "hong kong dollar": "HKD",
    "indian rupee": "INR",
    "indonesian rupiah": "IDR",
    "israeli new shekel": "ILS",
    "japanese yen": "JPY",
    "mexican peso": "MXN",
    "new zealand dollar": "NZD",
    "norwegian krone": "NOK",
    "polish zloty": "PLN",
    "pound sterling": "GBP",
    "renminbi": "CNY",
    "singapore dollar": "SGD",
    "south african rand": "ZAR",
    "south korean won": "KRW",
    "swedish krona": "SEK",
    "swiss franc": "CHF",
    "turkish lira": "TRY",
    "united states dollar": "USD",
    "us dollar": "USD",
    "yuan": "CNY",
    "yuan renminbi": "CNY",
}
"""Names of one currency, or of a part of it."""
SYMBOLS: Mapping[str, str] = {
    "a$": "AUD",
    "au$": "AUD",
    "c$": "CAD",
    "ca$": "CAD",
    "cn¥": "CNY",
    "hk$": "HKD",
    "jp¥": "JPY",
    "mx$": "MXN",
    "nz$": "NZD",
    "r$": "BRL",
    "s$": "SGD",
    "us$": "USD",
    "zł": "PLN",
    "€": "EUR",
    "₩": "KRW",
    "₪": "ILS",
    "₹": "INR",
}
"""Symbols of one currency."""
USUAL_NAMES: Mapping[str, str] = {
    "cent": "USD",
    "dollar": "USD",
    "franc": "CHF",
    "krona": "SEK",
    "penny": "GBP",
    "pound": "GBP",
    "rand": "ZAR",
    "real": "BRL",
    "rupee": "INR",
    "won": "KRW",
    "yen": "JPY",
    "zloty": "PLN",
}
"""Names of several currencies, or of parts of one, and the one that they usually mean."""
USUAL_SYMBOLS: Mapping[str, str] = {"$": "USD", "¢": "USD", "£": "GBP", "p": "GBP", "¥": "JPY"}
"""Symbols of several currencies, or of parts of one."""
SUBUNITS: Mapping[str, float] = {
    "cent": 0.01,
    "eurocent": 0.01,
    "penny": 0.01,
    "¢": 0.01,
    "p": 0.01,
}
"""What a part of a currency is worth."""
PREFIXES = {
    "nano": 1e-9,
    "micro": 1e-6,
    "milli": 1e-3,
    "μ": 1e-6,  # GREEK SMALL LETTER MU
    "\u00b5": 1e-6,  # MICRO SIGN, which looks the same
}
CODES = {*NAMES.values(), *SYMBOLS.values(), *USUAL_NAMES.values()}
KNOWN_NAMES = {*NAMES, *USUAL_NAMES}
IRREGULAR_PLURALS = {"pence": "penny", "pennies": "penny"}


def known_money(name: str | None, symbol: str | None) -> tuple[str | None, float]:
    """(currency, what one unit is worth in it); (None, 1) if neither says which currency."""
    word, name_factor = _parsed(name)
    mark, symbol_factor = _parsed(symbol)
    currency = (
        _code(name, word)
        or _code(symbol, mark)
        or NAMES.get(word)
        or SYMBOLS.get(mark)
        or USUAL_NAMES.get(word)
        or (None if word else USUAL_SYMBOLS.get(mark))
    )
    if currency is None:
        return None, 1.0
    unit, factor = (word, name_factor) if word else (mark, symbol_factor)
    return currency, factor * SUBUNITS.get(unit, 1.0)


def _parsed(text: str | None) -> tuple[str, float]:
    """The unit in the singular, without its prefix, and what the prefix is worth."""
    word, factor = (text or "").strip().lower(), 1.0
    for prefix, worth in PREFIXES.items():
        if word.startswith(prefix):
            word, factor = word.removeprefix(prefix).strip(), worth
    word = IRREGULAR_PLURALS.get(word, word)
    singular = word.removesuffix("s")
    return (singular if singular in KNOWN_NAMES else word), factor


def _code(text: str | None, word: str) -> str | None:
    """The ISO 4217 code; one in lower case only if it is known, as units are not all currencies."""
    if word.upper() in CODES:
        return word.upper()
    code = (text or "").strip()
    return code if CODE.fullmatch(code) and word not in KNOWN_NAMES else None
