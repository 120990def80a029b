"""Account IDs, addresses and names as people paste them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.pasted import account_id_text, match_key, single_address, split_addresses


@pytest.mark.parametrize(
    "text",
    [
        "012345678901",
        "0123-4567-8901",
        "0123\u20114567\u20118901",
        "0123\u20134567\u20138901",
        "0123 4567 8901",
        "0123\u00a04567\u202f8901",
        "\u200b012345678901\ufeff",
        "0123\u200b4567\u20608901",
        "'012345678901",
        "012345678901.0",
        "012345678901.00",
    ],
)
def test_an_account_id_is_read(text: str) -> None:
    assert account_id_text(text) == "012345678901"


@pytest.mark.parametrize("text", ["012345678901.5", "1.23457E+11", "01234567890a", "12.34"])
def test_an_invalid_account_id_is_left_to_be_refused(text: str) -> None:
    assert account_id_text(text) == text


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a@x.org", ["a@x.org"]),
        ("a@x.org; b@x.org", ["a@x.org", "b@x.org"]),
        ("a@x.org, b@x.org", ["a@x.org", "b@x.org"]),
        ("a@x.org b@x.org\nc@x.org", ["a@x.org", "b@x.org", "c@x.org"]),
        ("Given Family <given@example.com>", ["given@example.com"]),
        ('"Family, Given" <given@example.com>; a@x.org', ["given@example.com", "a@x.org"]),
        ("Family, Given <given@example.com>; a@x.org", ["given@example.com", "a@x.org"]),
        ("A <a@x.org>, Family, B <b@x.org>, c@x.org", ["a@x.org", "b@x.org", "c@x.org"]),
        ("given@example.com <given@example.com>", ["given@example.com"]),
        ("'given@example.com' <given@example.com>", ["given@example.com"]),
        ("<mailto:a@x.org>", ["a@x.org"]),
        ("a\u200b@x.org\u00a0", ["a@x.org"]),
        ("a@x.org;;", ["a@x.org"]),
        ("o'brien@x.org", ["o'brien@x.org"]),
        ("nobody; a@x.org", ["nobody", "a@x.org"]),
        ("Given <>", ["Given <>"]),
        (" ; , ", []),
    ],
)
def test_addresses_are_read_as_mail_programs_write_them(text: str, addresses: list[str]) -> None:
    assert split_addresses(text) == addresses


def test_a_field_for_one_address_refuses_two() -> None:
    assert single_address("Given Family <given@example.com>") == "given@example.com"
    assert single_address("not an address") == "not an address"
    with pytest.raises(ValueError, match="has 2 addresses; give one"):
        single_address("a@x.org; b@x.org")


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("Café Süd", unicodedata.normalize("NFD", "Café Süd")),
        (unicodedata.normalize("NFD", "Café Süd"), "CAFÉ SÜD"),
        ("Men’s Wear", "Men's Wear"),
        ("Men's Wear", "men‘s wear"),
        ("Data – EU", "data - eu"),
        ("Data\u2011EU", "Data-EU"),
        ("Data  EU", "Data EU"),
        ("Data\u00a0EU", " Data EU "),
        ("Data\u200bEU", "DataEU"),
        ("Straße", "STRASSE"),
    ],
)
def test_names_that_look_the_same_match(stored: str, typed: str) -> None:
    assert match_key(stored) == match_key(typed)


@pytest.mark.parametrize(
    ("one", "other"), [("Team 1", "Team 11"), ("Café", "Cafe"), ("AB", "A B")]
)
def test_names_that_look_different_do_not_match(one: str, other: str) -> None:
    assert match_key(one) != match_key(other)


@given(st.text(max_size=40))
def test_composed_and_decomposed_names_match(name: str) -> None:
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
    assert {match_key(form) for form in forms} == {match_key(name)}
