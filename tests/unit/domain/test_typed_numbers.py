"""Numbers as people type them: what separates thousands, and what is asked about."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.formatting import exact_number, money, threshold
from services.domain.typed_numbers import parse_amount, parse_percent


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25", "25"),
        ("25%", "25"),
        ("25 %", "25"),
        ("+25", "25"),
        ("−5", "-5"),
        ("12,5", "12.5"),
        ("12.5%", "12.5"),
        ("33.33", "33.33"),
        ("33.3330", "33.333"),
        ("0.125", "0.125"),
        ("0,125", "0.125"),
        ("1,000", "1000"),
        ("1,000%", "1000"),
        ("1'000", "1000"),
        ("1\u202f000", "1000"),
        ("100,000", "100000"),
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("\u200b25", "25"),
    ],
)
def test_a_percentage_is_read(text: str, value: str) -> None:
    assert parse_percent(text) == Decimal(value)


@pytest.mark.parametrize("text", ["33.333", "33,333", "1.000", "1,500", "12.345"])
def test_a_percentage_that_can_mean_two_is_asked_about(text: str) -> None:
    with pytest.raises(ValueError, match="can be read in two ways; write") as asked:
        parse_percent(text)
    decimal, thousands = str(asked.value).partition("write ")[2].split(" or ")
    assert parse_percent(decimal) * 1000 == parse_percent(thousands)


@pytest.mark.parametrize(
    "text",
    ["", "25_0", "2_5", "x", "nan", "inf", "1e3", "1,23,4", "1,00,000", "٢٥", "5.", "1" * 50],
)
def test_an_invalid_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a percentage; give a number"):
        parse_percent(text)
    with pytest.raises(ValueError, match="is not an amount; give a number"):
        parse_amount(text, "USD")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", "50"),
        ("$50", "50"),
        ("50 $", "50"),
        ("USD 50", "50"),
        ("50 usd", "50"),
        ("1,000", "1000"),
        ("1.000", "1000"),
        ("$1,000.00", "1000"),
        ("1.000,50", "1000.5"),
        ("33.333", "33333"),
        ("0.500", "0.5"),
        ("12,5", "12.5"),
        ("1,234,567.89", "1234567.89"),
        ("-$5", "-5"),
    ],
)
def test_an_amount_is_read(text: str, value: str) -> None:
    assert parse_amount(text, "USD") == Decimal(value)


def test_an_amount_in_another_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="“€50” is not in USD; give an amount in USD"):
        parse_amount("€50", "USD")
    assert parse_amount("€50", "EUR") == 50
    assert parse_amount("CHF 50", "CHF") == 50


@given(st.decimals(0, 10**9, allow_nan=False, places=2))
def test_an_amount_that_the_agent_prints_reads_back(amount: Decimal) -> None:
    for currency in ("USD", "EUR", "CHF"):
        assert parse_amount(money(amount, currency), currency) == amount


@given(st.floats(0.001, 1_000_000).map(lambda value: round(value, 6)))
def test_a_number_in_a_form_or_file_reads_back(value: float) -> None:
    assert float(parse_percent(exact_number(value))) == value
    assert float(parse_amount(exact_number(value), "USD")) == value


@pytest.mark.parametrize("value", [20.0, 12.5, 1000.0, 2000.0, 1_000_000.0])
def test_a_threshold_that_the_agent_prints_reads_back(value: float) -> None:
    assert float(parse_percent(threshold(value))) == value
