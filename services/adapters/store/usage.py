"""Usage of accounts from their stored months, as detection reads it every day.

Most months have no revisions. Their amounts are taken from the documents as they are, which is
several times faster than unpacking whole months.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from services.adapters.store.packing import from_document, unpack
from services.domain import Category, CostChange, DaySpan, Month, UsageHistory

USAGE = ("", Category.USAGE.value)
"""Stored categories; costs without a charge category count as usage."""
BYTES_PER_AMOUNT = 8
NO_DATA = array("d", [float("nan")])


class LoadedUsage:
    """Usage histories, put together one document at a time."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._places = {str(month): _Place.of(span, month) for month in span.months()}
        self._histories: dict[str, UsageHistory] = {}

    def add(self, docs: Sequence[Mapping[str, Any]]) -> None:
        """Add months of accounts, for each account in chronological order."""
        for doc in docs:
            account = doc["account_id"]
            history = self._histories.get(account)
            if history is None:
                history = UsageHistory(account, self._span, {}, [])
                self._histories[account] = history
            place = self._places[doc["month"]]
            if doc.get("revisions"):
                self._add_revised(doc, place, history)
            else:
                self._add_series(doc, place, history)

    def _add_series(self, doc: Mapping[str, Any], place: "_Place", history: UsageHistory) -> None:
        usage, part = history.usage, place.bytes_of_month
        for series in doc["series"]:
            if series["category"] in USAGE:
                # Sliced while packed: only the days of the span are decoded.
                amounts = unpack(series["amounts"][part])
                if place.is_all:
                    usage[series["service"]] = amounts
                else:
                    self._copy(place, history, series["service"], amounts)

    def _add_revised(self, doc: Mapping[str, Any], place: "_Place", history: UsageHistory) -> None:
        """Add a month as it was first seen, and the later changes to it."""
        stored = from_document(doc)
        series, changes = stored.history()
        for (service, stored_category), amounts in series.items():
            if stored_category in USAGE:
                self._copy(place, history, service, amounts[place.of_month])
        for at, (service, stored_category), day_of_month, amount in changes:
            if stored_category in USAGE:
                category = Category(stored_category) if stored_category else None
                day = place.month.span.first.replace(day=day_of_month)
                history.changes.append(
                    CostChange(history.account_id, service, category, day, at, amount)
                )

    def _copy(
        self, place: "_Place", history: UsageHistory, service: str, amounts: "array[float]"
    ) -> None:
        into = history.usage.get(service)
        if into is None:
            into = history.usage[service] = NO_DATA * len(self._span)
        into[place.into] = amounts

    def histories(self) -> list[UsageHistory]:
        """All histories, their changes in the order in which they became known."""
        for history in self._histories.values():
            history.changes.sort(key=attrgetter("at"))
        return list(self._histories.values())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the days of a month are within a span."""

    month: Month
    into: slice
    of_month: slice
    bytes_of_month: slice
    """``of_month`` in bytes, for packed amounts."""
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
            bytes_of_month=slice(BYTES_PER_AMOUNT * (first.day - 1), BYTES_PER_AMOUNT * last.day),
            is_all=end - begin == len(span),
        )
