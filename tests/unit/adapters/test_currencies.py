"""Which currency a unit is, by its name and its symbol as Datadog may send them."""

import pytest

from services.adapters.datadog.money import Unit, currency_of, scale_of


@pytest.mark.parametrize(
    ("name", "symbol", "currency", "scale"),
    [
        ("CNY", "¥", "CNY", 1),
        ("AUD", "$", "AUD", 1),
        ("USD", "$", "USD", 1),
        ("cny", None, "CNY", 1),
        ("yuan", "¥", "CNY", 1),
        ("renminbi", "¥", "CNY", 1),
        ("chinese yuan", "CN¥", "CNY", 1),
        ("australian dollar", "$", "AUD", 1),
        ("Australian Dollars", "A$", "AUD", 1),
        ("canadian dollar", "$", "CAD", 1),
        ("hong kong dollar", "HK$", "HKD", 1),
        ("mexican peso", "$", "MXN", 1),
        ("danish krone", "kr", "DKK", 1),
        ("won", "₩", "KRW", 1),
        ("eurocent", "c", "EUR", 0.01),
        ("eurocent", "¢", "EUR", 0.01),
        ("microdollar", "μ$", "USD", 1e-6),
        (None, "μ$", "USD", 1e-6),
        (None, "µ$", "USD", 1e-6),
        ("pence", "p", "GBP", 0.01),
        ("dollar", "$", "USD", 1),
        ("dollar", "A$", "AUD", 1),
        ("dollar", "CAD", "CAD", 1),
        ("cents", "¢", "USD", 0.01),
        ("cent", "AUD", "AUD", 0.01),
        ("yen", "¥", "JPY", 1),
        ("YEN", "¥", "JPY", 1),
        ("pound", "£", "GBP", 1),
        (None, "$", "USD", 1),
        (None, "¥", "JPY", 1),
        (None, "€", "EUR", 1),
        ("SEK", "kr", "SEK", 1),
        # One of several: by its own name, as no guess is better than a wrong currency.
        ("krone", "kr", "KRONE", 1),
        ("peso", "$", "PESO", 1),
        ("egyptian pound", "£", "EGYPTIAN POUND", 1),
        ("XBT", "₿", "XBT", 1),
    ],
)
def test_a_code_wins_over_a_name_and_a_name_over_a_symbol(
    name: str | None, symbol: str | None, currency: str, scale: float
) -> None:
    unit = Unit(family="currency", name=name, short_name=symbol)
    assert currency_of(unit) == currency
    assert scale_of(unit) == pytest.approx(scale)


def test_a_stated_scale_wins_over_the_name() -> None:
    assert scale_of(Unit(family="currency", name="cent", scale_factor=0.02)) == 0.02


def test_nothing_stated_is_no_currency() -> None:
    assert (currency_of(None), currency_of(Unit(family="currency"))) == (None, None)
