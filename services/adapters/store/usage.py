"""Usage of accounts out of the documents of their months, as detection reads it every day.

Most months have no revisions: their amounts are taken from the document as they are, which is several
times faster than unpacking all that is stored of a month.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.adapters.store.packing import from_document, unpack
from services.domain import Category, CostChange, DaySpan, Month, UsageHistory

USAGE = ("", Category.USAGE.value)
"""As they are stored; costs without a charge category count as usage."""
FLOAT = 8
"""Bytes of a packed amount."""
NO_DATA = array("d", [float("nan")])


class LoadedUsage:
    """Histories that are put together document by document."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._places = {str(month): _Place.of(span, month) for month in span.months()}
        self._found: dict[str, UsageHistory] = {}

    def add(self, docs: Sequence[Mapping[str, Any]]) -> None:
        """Adds months of accounts; those of one account in their order."""
        for doc in docs:
            account = doc["account_id"]
            history = self._found.get(account)
            if history is None:
                history = UsageHistory(account, self._span, {}, [])
                self._found[account] = history
            place = self._places[doc["month"]]
            if doc.get("revisions"):
                self._add_revised(doc, place, history)
            else:
                self._add_series(doc, place, history)

    def _add_series(self, doc: Mapping[str, Any], place: "_Place", history: UsageHistory) -> None:
        usage, part = history.usage, place.bytes_of_month
        for one in doc["series"]:
            if one["category"] in USAGE:
                amounts = unpack(one["amounts"][part])
                if place.is_all:
                    usage[one["service"]] = amounts
                else:
                    self._copy(place, history, one["service"], amounts)

    def _add_revised(self, doc: Mapping[str, Any], place: "_Place", history: UsageHistory) -> None:
        """The month as it was first seen, and what was changed later."""
        stored = from_document(doc)
        series, changes = stored.history()
        for (service, category), amounts in series.items():
            if category in USAGE:
                self._copy(place, history, service, amounts[place.of_month])
        for at, (service, category), number, amount in changes:
            if category in USAGE:
                of = Category(category) if category else None
                day = place.month.span.first.replace(day=number)
                history.changes.append(
                    CostChange(history.account_id, service, of, day, at, amount)
                )

    def _copy(
        self, place: "_Place", history: UsageHistory, service: str, amounts: "array[float]"
    ) -> None:
        into = history.usage.get(service)
        if into is None:
            into = history.usage[service] = NO_DATA * len(self._span)
        into[place.into] = amounts

    def histories(self) -> list[UsageHistory]:
        """All of them, with their changes in the order in which they were known."""
        for history in self._found.values():
            history.changes.sort(key=lambda one: one.at)
        return list(self._found.values())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the days of a month lie in a span."""

    month: Month
    into: slice
    of_month: slice
    bytes_of_month: slice
    """The same of the packed amounts."""
    is_all: bool
    """Whether the span has no other days."""

    @classmethod
    def of(cls, span: DaySpan, month: Month) -> "_Place":
        first, last = max(span.first, month.span.first), min(span.last, month.span.last)
        begin, end = span.index(first), span.index(last) + 1
        return cls(
            month,
            into=slice(begin, end),
            of_month=slice(first.day - 1, last.day),
            bytes_of_month=slice(FLOAT * (first.day - 1), FLOAT * last.day),
            is_all=end - begin == len(span),
        )
