"""The v2 timeseries query and its responses: bytes in, values out.

The shapes follow the models and the recorded responses of Datadog's own API client
(DataDog/datadog-api-client-python, ``tests/v2/cassettes``). None of its recordings contains a
grouped cost query, so this module relies on nothing beyond the models.
"""

import math
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import msgspec

from services.adapters.datadog.guidance import ONE_CURRENCY, malformed, shown
from services.adapters.datadog.money import Unit, currency_of, named, scale_of
from services.domain import DaySpan
from services.domain.errors import CostSourceError

ACCOUNT = "aws_member_account_id"
"""The account that used the service. ``aws_management_account_id`` is the one that pays."""
ACCOUNT_NAME = "aws_member_account_name"
SERVICE = "aws_product"
CHARGE = "chargecategory"
COST_TYPE = "aws_cost_type"
CURRENCY = "billingcurrency"
MISSING_VALUES = {"", "n/a", "none", "null"}
"""How a group says that its lines have no such tag. The docs name no value; ``N/A`` is usual."""
DAY_MS = 86_400_000
MAX_ERRORS = 3
MAX_ERROR_LENGTH = 300
FIRST_STAMP = datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000
LAST_STAMP = datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000
"""Stamps outside these are not milliseconds of a day of costs: seconds would be in 1970."""
MAX_AMOUNT = 1e15
"""A larger amount is not money, and sums of it would not be exact to the cent."""
Amount = Annotated[float, msgspec.Meta(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
MAX_TAG_LENGTH = 1000
"""Datadog cuts tags at 200 characters."""
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""In none of the tags that are read: names of accounts in AWS are printable ASCII (pattern of
``AccountName`` in CreateAccount of AWS Organizations), and the others are codes."""
ACCOUNT_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
"""Values that a scope can contain without quoting; account IDs are 12 digits."""


class _Series(msgspec.Struct):
    """The head of a series; its points are the row of the same index in ``values``."""

    group_tags: list[str] | None = None
    # A pair, of which either may be null; or null altogether.
    unit: list[Unit | None] | None = None


class _Attributes(msgspec.Struct):
    series: list[_Series] | None = None
    # Only the stamps that have data in some series, so that days may be missing in between.
    times: list[float] | None = None
    # Decoded a row at a time, which takes a sixth of the memory of decoding all of them at once
    # (docs/decisions/0005-dependencies.md).
    values: list[msgspec.Raw] | None = None


class _Data(msgspec.Struct):
    attributes: _Attributes | None = None


class _Body(msgspec.Struct):
    data: _Data | None = None
    # A 200 may carry errors beside its data: a string, strings or JSON:API objects.
    errors: Any = None


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises: wrong syntax or types, bytes that are not UTF-8, and deep nesting."""
_BODY = msgspec.json.Decoder(_Body)
_ROW = msgspec.json.Decoder(list[Amount | None])


def request_body(query: str, span: DaySpan) -> dict[str, Any]:
    """The body of one daily timeseries query."""
    return {
        "data": {
            "type": "timeseries_request",
            "attributes": {
                # Milliseconds; the v1 query API counts seconds. ``to`` is exclusive.
                "from": _stamp(span.first),
                "to": _stamp(span.last + timedelta(days=1)),
                "interval": DAY_MS,
                # Without this data source the query is about custom metrics and finds nothing.
                "queries": [{"data_source": "cloud_cost", "name": "a", "query": query}],
                "formulas": [{"formula": "a"}],
            },
        }
    }


def _stamp(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def query_text(metric: str, accounts: Sequence[str] | None = None, by: Sequence[str] = ()) -> str:
    """``sum:metric{scope} by {tags}.rollup(sum, daily)``."""
    scope = "*" if accounts is None else f"{ACCOUNT} IN ({','.join(accounts)})"
    groups = f" by {{{','.join(by)}}}" if by else ""
    # The rollup's own aggregator has to be written out: left away, it averages.
    return f"sum:{metric}{{{scope}}}{groups}.rollup(sum, daily)"


def error_texts(errors: Any) -> list[str]:
    """The items of ``errors``: strings from the query API, objects from the cost API."""
    items = errors if isinstance(errors, list) else [errors]
    texts = []
    for item in items[:MAX_ERRORS]:
        if isinstance(item, Mapping):
            parts = [str(item[key]) for key in ("title", "detail") if item.get(key)]
            texts.append(": ".join(parts))
        elif item:
            texts.append(str(item))
    return [text for text in (shown(text, MAX_ERROR_LENGTH) for text in texts) if text]


class DatadogResponse:
    """A decoded response, whose rows are decoded one by one."""

    def __init__(self, body: bytes | bytearray) -> None:
        """Raises one of ``UNREADABLE`` for anything but a response."""
        decoded = _BODY.decode(body)
        attributes = decoded.data.attributes if decoded.data else None
        self.errors = error_texts(decoded.errors) if decoded.errors else []
        self.has_data = attributes is not None
        self._series = (attributes.series if attributes else None) or []
        self._times = (attributes.times if attributes else None) or []
        self._values = (attributes.values if attributes else None) or []
        if len(self._values) != len(self._series):
            raise msgspec.ValidationError("another number of rows of values than of series")

    def currency(self) -> str | None:
        """The currency of all series; None when no unit is stated anywhere.

        Raises CostSourceError for a unit that is not money, or for several currencies.
        """
        currencies = {
            currency
            for series in self._series
            if (currency := currency_of(_unit(series))) is not None
        }
        if len(currencies) > 1:
            raise CostSourceError(
                f"Datadog answered in several currencies ({named(currencies)}), which "
                f"cannot be added up. {ONE_CURRENCY}",
                permanent=True,
            )
        return next(iter(currencies), None)

    def rows(self, span: DaySpan) -> "Iterable[tuple[dict[str, str], array[float]]]":
        """(tags, daily amounts over the span) of each series; NaN where there is no data.

        Raises CostSourceError for a row that is not one amount for each day.
        """
        indexes = [_index(stamp, span) for stamp in self._times]
        for series, raw in zip(self._series, self._values, strict=True):
            yield (
                _tags(series.group_tags or []),
                _amounts(raw, scale_of(_unit(series)), indexes, span),
            )


def _amounts(
    raw: msgspec.Raw, scale: float, indexes: Sequence[int | None], span: DaySpan
) -> "array[float]":
    amounts = array("d", [math.nan]) * len(span)
    try:
        row = _ROW.decode(raw)
    except UNREADABLE as error:
        raise malformed("an amount is not a number, or is too large to be one") from error
    if len(row) != len(indexes):
        raise malformed("it is incomplete: a series has another number of amounts than of days")
    for index, value in zip(indexes, row, strict=True):
        if index is not None and value is not None:
            earlier = amounts[index]
            amounts[index] = value * scale + (0.0 if math.isnan(earlier) else earlier)
    return amounts


def _index(stamp: float, span: DaySpan) -> int | None:
    if not FIRST_STAMP <= stamp < LAST_STAMP or stamp % 1:
        raise malformed("a day is out of range")
    day = datetime.fromtimestamp(stamp / 1000, UTC).date()
    return (day - span.first).days if day in span else None


def _tags(group_tags: Iterable[str]) -> dict[str, str]:
    """Read by key, as no order is promised; split at the first colon, as values may have more."""
    tags = {}
    for group_tag in group_tags:
        if len(group_tag) > MAX_TAG_LENGTH:
            raise malformed("a tag is too long")
        if CONTROL_CHARACTER.search(group_tag):
            raise malformed("a tag has control characters")
        key, _, value = group_tag.partition(":")
        tags[key] = value
    return tags


def _unit(series: _Series) -> Unit | None:
    return next((unit for unit in series.unit or [] if unit is not None), None)


def tag(tags: Mapping[str, str], name: str) -> str | None:
    """A tag's value; None when it is missing."""
    value = tags.get(name, "")
    return None if value.strip().lower() in MISSING_VALUES else value
