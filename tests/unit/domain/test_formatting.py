"""Numbers, days and names as people read them."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain import formatting as wording
from services.domain.formatting import safe_cell

D = Decimal


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.565", "USD", "$1,234.57"),
        ("-1234.565", "USD", "−$1,234.57"),
        ("0.004", "USD", "$0.00"),
        ("-0.004", "USD", "$0.00"),
        ("12", "CHF", "CHF 12.00"),
        ("-12", "CHF", "−CHF 12.00"),
        ("1e9", "EUR", "€1,000,000,000.00"),
    ],
)
def test_money(amount: str, currency: str, text: str) -> None:
    assert wording.money(D(amount), currency) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("99.99", "$99.99"),
        ("99.996", "$100"),
        ("100", "$100"),
        ("1234.5", "$1,235"),
        ("-1234.5", "−$1,235"),
        ("12729.4999", "$12,730"),  # tables print $12,729.50
    ],
)
def test_money_in_sentences(amount: str, text: str) -> None:
    assert wording.round_money(D(amount), "USD") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("23.75", "+23.8%"),
        ("-23.75", "−23.8%"),
        ("0.04", "under 0.1%"),
        ("-0.04", "under 0.1%"),
        ("0.05", "+0.1%"),
        ("0", "±0.0%"),
        ("12345", "+12,345.0%"),
        (None, "new spend"),
    ],
)
def test_percent(value: str | None, text: str) -> None:
    assert wording.percent(None if value is None else D(value)) == text
    if value is not None:
        assert wording.bare_percent(D(value)) == text.lstrip("+−±")


@given(st.decimals(-1000, 1000, places=5), st.decimals(-1000, 1000, places=5))
def test_a_printed_change_is_the_difference_of_the_printed_amounts(now: D, before: D) -> None:
    printed = [D(wording.plain_money(one)) for one in (now, before)]
    assert wording.moved(now, before) == printed[0] - printed[1]
    assert wording.change(printed[0] - printed[1], "USD") in wording.change_line(
        now, before, "USD"
    )


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        ("100.004", "100.00", "±0.0%"),
        ("0.004", "0.001", "±0.0%"),
        ("5", "0.001", "new spend"),
        ("-5", "0", ""),
        ("10", "-20", "+150.0%"),
    ],
)
def test_a_percentage_is_that_of_the_printed_amounts(now: str, before: str, text: str) -> None:
    assert wording.percent_of(D(now), D(before)) == text
    assert "()" not in wording.change_line(D(now), D(before), "USD")


@pytest.mark.parametrize(
    ("value", "text"),
    [(20.0, "20%"), (12.5, "12.5%"), (1_000_000.0, "1,000,000%"), (0.000001, "0.000001%")],
)
def test_a_threshold_is_printed_as_it_was_set(value: float, text: str) -> None:
    assert wording.threshold(value) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("-0.001", "0.00"), ("-1.005", "-1.01"), ("1234567.8", "1234567.80")],
)
def test_money_for_machines(amount: str, text: str) -> None:
    assert wording.plain_money(D(amount)) == text
    assert str(wording.one_decimal(D("-0.01"))) == "0.0"


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2026-11-01", "2026-11-20", "1–20 Nov"),
        ("2026-11-01", "2026-11-01", "1 Nov"),
        ("2026-10-28", "2026-11-03", "28 Oct–3 Nov"),
        ("2026-12-28", "2027-01-03", "28 Dec 2026–3 Jan 2027"),
    ],
)
def test_days(first: str, last: str, text: str) -> None:
    found = wording.day_range(date.fromisoformat(first), date.fromisoformat(last))
    assert found == text


def test_lists_and_numbers() -> None:
    assert wording.plural(1, "mail") == "1 mail"
    assert wording.plural(1000, "mail") == "1,000 mails"
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"


def test_a_sparkline_shows_gaps_and_never_fails() -> None:
    assert wording.sparkline([D(0), D(4), D(8), None]) == "▁▅█·"
    assert wording.sparkline([D(-3), D(0)]) == "▁▁"
    assert wording.sparkline([]) == ""


@given(st.text(max_size=400))
def test_text_from_outside_becomes_one_visible_line(text: str) -> None:
    found = wording.neutral(text)
    assert len(found) <= 200
    assert "\n" not in found
    assert not any(c in found for c in "\u202e\u2066\u200b\ufeff\x00\x1b")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("EC2 66%, קופה 22%", "EC2 66%, קופה\u200e 22%"),
        ("فريق الدفع 012345678901: EC2", "فريق الدفع\u200e 012345678901: EC2"),
        ("Checkout (قسم الدفع)", "Checkout (قسم الدفع\u200e)"),
        ("Zürich – №", "Zürich – №"),
        ("", ""),
    ],
)
def test_what_follows_a_name_from_right_to_left_stays_behind_it(text: str, marked: str) -> None:
    assert wording.keep_order(text) == marked
    assert wording.keep_order(marked) == marked


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("Team = 1") == "Team = 1"
