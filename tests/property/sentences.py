"""Sentences with numbers: a pattern for each, and what must be so for it to be true."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.property.printed import DAY, MONEY, PERCENT

T = TypeVar("T")
Check = Callable[[T, "re.Match[str]"], Iterator[str]]
PARTS = {
    "money": MONEY,
    "percent": PERCENT,
    "day": DAY,
    "range": rf"{DAY}|\d{{1,2}}–{DAY}|{DAY}–{DAY}|{DAY} \d{{4}}–{DAY} \d{{4}}|[A-Z][a-z]+",
    "count": r"[\d,]+",
    "name": r".+?",
}
"""What ``{name:part}`` stands for in a pattern."""


@dataclass
class Sentences(Generic[T]):
    """The sentences that a report may contain; one that no pattern knows is a problem."""

    _known: list[tuple[re.Pattern[str], Check[T]]] = field(default_factory=list)

    def says(self, pattern: str) -> Callable[[Check[T]], Check[T]]:
        """Register what checks the sentences of a pattern."""
        part = re.compile(r"\{(\w+):(\w+)\}")
        text = part.sub(lambda m: f"(?P<{m[1]}>{PARTS[m[2]]})", pattern)
        compiled = re.compile(text)

        def register(check: Check[T]) -> Check[T]:
            self._known.append((compiled, check))
            return check

        return register

    def problems(self, report: T, sentence: str) -> Iterator[str]:
        """Say what is wrong with a sentence; the first pattern that fits decides."""
        for pattern, check in self._known:
            if match := pattern.fullmatch(sentence):
                for problem in check(report, match):
                    yield f"{problem}: {sentence!r}"
                return
        yield f"nobody checks this sentence: {sentence!r}"


def so(truth: object, words: str) -> Iterator[str]:
    """Yield the words as a problem unless something is true."""
    if not truth:
        yield words
