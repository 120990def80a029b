"""Account IDs, addresses and names as people paste them from a mail program, a console or a spreadsheet.

Such text contains characters that look like those of a keyboard, or are invisible.
"""

import re
import unicodedata

HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
APOSTROPHES = "\u2018\u2019\u201b\u02bc\u2032\u00b4\uff07"
QUOTES = "\u201c\u201d\u201e\u00ab\u00bb"
KEYBOARD = str.maketrans(
    {
        **dict.fromkeys(HYPHENS, "-"),
        **dict.fromkeys(APOSTROPHES, "'"),
        **dict.fromkeys(QUOTES, '"'),
    }
)
FLOAT_ENDING = re.compile(r"\.0+")
"""pandas reads a column with an empty cell as floating-point numbers, and writes it as such."""
NAMED_ADDRESS = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
QUOTED_NAME = re.compile(r'"[^"]*"')
AROUND_ADDRESS = "'\"()[]<>"


def without_invisible(text: str) -> str:
    """Remove characters without width: byte order marks, zero-width spaces, direction marks."""
    if text.isascii():
        return text
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def keyboard_text(text: str) -> str:
    """The text as it could be typed: plain spaces, hyphens, apostrophes and quotation marks."""
    if text.isascii():
        return " ".join(text.split())
    return " ".join(without_invisible(text).translate(KEYBOARD).split())


def account_id_text(text: str) -> str:
    """An account ID without what consoles and spreadsheets put around and between its digits."""
    # Excel shows an apostrophe in front of text that looks like a number, and some exports keep it.
    plain = keyboard_text(text).removeprefix("'").replace("-", "").replace(" ", "")
    digits, point, ending = plain.partition(".")
    return digits if point and FLOAT_ENDING.fullmatch(point + ending) else plain


def match_key(name: str) -> str:
    """The key to compare and search names by: equal for names that look the same.

    Names are stored as they were written.
    """
    # Folding case can take composed letters apart (Unicode 3.13, D145).
    return unicodedata.normalize(
        "NFC", keyboard_text(unicodedata.normalize("NFC", name)).casefold()
    )


def split_addresses(text: str) -> list[str]:
    """The addresses of a list as mail programs write it, each as it was written.

    They are separated by semicolons, commas, spaces or line breaks, and each may have a name:
    ``Given Family <given@example.com>; other@example.com``. The name may contain a comma.
    """
    addresses: list[str] = []
    for part in re.split(r"[;\r\n\t]", without_invisible(text)):
        end = 0
        while match := NAMED_ADDRESS.match(part, end):
            before = QUOTED_NAME.sub(" ", match["name"])
            addresses += [word for word in _words(before) if "@" in word]
            addresses += _words(match["address"]) or [match[0].strip()]
            end = match.end()
        addresses += _words(part[end:])
    return list(dict.fromkeys(addresses))


def single_address(text: str) -> str:
    """The address in a text that should hold one. Raises ValueError if it holds several."""
    addresses = split_addresses(text)
    if len(addresses) > 1 and all("@" in address for address in addresses):
        raise ValueError(f"has {len(addresses)} addresses; give one")
    return addresses[0] if len(addresses) == 1 else text.strip()


def _words(text: str) -> list[str]:
    words = (word.strip(AROUND_ADDRESS) for word in re.split(r"[,\s]+", text))
    return [re.sub(r"^mailto:", "", word, flags=re.IGNORECASE) for word in words if word]
