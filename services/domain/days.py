"""Spans of days, months and comparison windows, all in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True, order=True)
class DaySpan:
    """A range of UTC days, including both ends."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a span cannot end ({self.last}) before it begins ({self.first})")

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=i) for i in range(len(self)))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def index(self, day: date) -> int:
        """The zero-based position of a day. Raises ValueError if the day is outside the span."""
        if day not in self:
            raise ValueError(f"{day} is not within {self.first} to {self.last}")
        return (day - self.first).days

    def months(self) -> list["Month"]:
        """The calendar months that the span touches, in order."""
        months = [Month.of(self.first)]
        while months[-1].span.last < self.last:
            months.append(months[-1].next)
        return months


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.year, day.month)

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def before(self) -> "Month":
        return Month.of(self.span.first - timedelta(days=1))

    @property
    def span(self) -> DaySpan:
        first = date(self.year, self.number, 1)
        return DaySpan(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True, slots=True)
class Window:
    """Two spans of complete days that are compared with each other."""

    current: DaySpan
    previous: DaySpan
    closed_months: bool = False
