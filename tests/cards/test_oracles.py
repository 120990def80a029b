"""Every card in every state, held against what others know of Adaptive Cards."""

import copy
import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import cards as cards_package
from bot.actions import BUTTONS
from cards import general
from cards.elements import MAX_BYTES, Element, size_of
from services.domain.formatting import money
from tests.cards import examples
from tests.cards.examples import HOSTILE, LARGEST, ORDINARY, every
from tests.cards.reading import read
from tests.cards.strict import LATER, schema_problems, strict_problems, walk

Cards = dict[str, dict[str, Any]]
SETS = {"ordinary": ORDINARY, "hostile": HOSTILE, "largest": LARGEST}
NAMES = list(every())
CARD_MODULES = {module.name for module in pkgutil.iter_modules(cards_package.__path__)} - {
    "alert_status",
    "daily_costs",
    "elements",
}
"""All but those that make parts of cards."""
MOST_WIRE_BYTES = 28_000
"""What every channel of Teams has ever taken."""


@pytest.fixture(params=SETS, scope="module")
def cards(request: pytest.FixtureRequest) -> Cards:
    """All cards with one kind of texts from outside."""
    return every(SETS[request.param])


def test_the_collection_is_the_same_with_all_texts() -> None:
    assert list(every(HOSTILE)) == list(every(LARGEST)) == NAMES


def test_every_function_that_makes_a_card_is_in_the_collection() -> None:
    called = set(re.findall(r"\b(?:general\.)?(\w+)\(", inspect.getsource(examples)))
    collected = {getattr(examples, name, getattr(general, name, None)) for name in called}
    missing = [
        f"{name}.{function.__name__}"
        for name in CARD_MODULES
        for function in _functions_that_make_an_element(name)
        if function not in collected
    ]
    assert missing == []


def _functions_that_make_an_element(name: str) -> Iterator[Any]:
    module = importlib.import_module(f"cards.{name}")
    for _, function in inspect.getmembers(module, inspect.isfunction):
        is_own = function.__module__ == module.__name__ and not function.__name__.startswith("_")
        if is_own and inspect.get_annotations(function)["return"] is Element:
            yield function


def test_microsofts_models_know_every_key_and_value(cards: Cards) -> None:
    for name, card in cards.items():
        assert strict_problems(card) == [], name


def test_an_old_client_gets_a_card_of_the_published_schema(cards: Cards) -> None:
    for name, card in cards.items():
        assert schema_problems(card) == [], name


def test_no_card_is_too_large_to_send(cards: Cards) -> None:
    for name, card in cards.items():
        assert size_of(card) <= MAX_BYTES, name
        assert len(json.dumps(card, separators=(",", ":")).encode()) <= MOST_WIRE_BYTES, name


def plant(card: dict[str, Any], mistake: str) -> None:
    """A mistake, in the middle of a card."""
    first = next(iter(walk(card["body"])))
    chart = next(one for one in walk(card["body"]) if one["type"] == "Chart.Line")
    button = card["actions"][0]
    match mistake:
        case "a misspelt key":
            first["txet"] = "x"
        case "a bad value":
            first["spacing"] = "Huge"
        case "an unknown type":
            first["type"] = "Headline"
        case "a bad colour in a chart":
            chart["data"][0]["color"] = "bleu"
        case "a misspelt key in a chart":
            chart["data"][0]["values"][0]["z"] = 1
        case "a misspelt key in a fallback":
            button["fallback"]["verb"] = "x"
        case "a bad value in a fallback":
            chart["fallback"]["weight"] = "Bold"


@pytest.mark.parametrize(
    "mistake",
    [
        "a misspelt key",
        "a bad value",
        "an unknown type",
        "a bad colour in a chart",
        "a misspelt key in a chart",
        "a misspelt key in a fallback",
        "a bad value in a fallback",
    ],
)
def test_the_strict_oracle_sees_mistakes(mistake: str) -> None:
    card = copy.deepcopy(every()["team up"])
    assert strict_problems(card) == []
    plant(card, mistake)
    assert strict_problems(card)


def test_the_schema_oracle_sees_mistakes() -> None:
    card = copy.deepcopy(every()["team up"])
    assert schema_problems(card) == []
    del next(one for one in walk(card) if one["type"] == "TextBlock")["text"]
    assert schema_problems(card)


def test_a_card_is_of_version_1_5_and_says_in_a_line_what_it_is(cards: Cards) -> None:
    for name, card in cards.items():
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.5"), name
        assert card["body"], name
        assert 0 < len(card["fallbackText"]) <= 300, name
        for inner in walk(card):
            if inner["type"] == "AdaptiveCard":
                assert inner["version"] == "1.5", name


def test_what_is_not_drawn_everywhere_has_a_fallback(cards: Cards) -> None:
    for name, card in cards.items():
        for one in walk(card):
            if one["type"].startswith(LATER):
                assert one["fallback"]["text"] or one["fallback"]["inlines"], name
                assert not any(
                    inner["type"].startswith(LATER) for inner in walk(one["fallback"])
                ), name


def test_a_card_has_at_most_six_buttons_and_three_of_them_in_sight(cards: Cards) -> None:
    for name, card in cards.items():
        actions = card.get("actions", [])
        assert len(actions) <= 6, name
        modes = [action.get("mode") for action in actions]
        in_sight = modes.count(None)
        assert modes == [None] * in_sight + ["secondary"] * (len(actions) - in_sight), name
        assert min(len(actions), 1) <= in_sight <= 3, name
        titles = [action["title"] for action in actions]
        assert titles.index("Cancel") == len(titles) - 1 if "Cancel" in titles else True, name


def test_tables_have_at_most_three_columns_and_whole_rows(cards: Cards) -> None:
    for name, card in cards.items():
        for one in walk(card):
            if one["type"] == "Table":
                assert len(one["columns"]) <= 3, name
                assert all(len(row["cells"]) == len(one["columns"]) for row in one["rows"]), name


def test_every_input_has_a_label_and_says_what_is_wrong(cards: Cards) -> None:
    for name, card in cards.items():
        found = [one for one in walk(card) if one["type"].startswith("Input.")]
        assert len({one["id"] for one in found}) == len(found), name
        for one in found:
            assert one["label"], name
            assert one["errorMessage"], name
            assert len(one.get("value", "")) <= one.get("maxLength", 200), name


def test_buttons_are_known_to_the_bot_and_work_on_old_clients(cards: Cards) -> None:
    for name, card in cards.items():
        for one in walk(card):
            if one["type"] == "Action.Execute":
                fallback = one["fallback"]
                assert fallback["type"] == "Action.Submit", name
                for key in ("title", "data", "associatedInputs"):
                    assert fallback.get(key) == one.get(key), name
                assert one["verb"] == one["data"]["verb"], name
                assert one["verb"] in BUTTONS, name
                assert all(isinstance(value, str) for value in one["data"].values()), name


def test_only_buttons_that_need_what_was_typed_take_it(cards: Cards) -> None:
    for name, card in cards.items():
        inputs = any(one["type"].startswith("Input.") for one in walk(card))
        takes = [
            one
            for one in walk(card)
            if one["type"] == "Action.Execute" and one.get("associatedInputs") != "none"
        ]
        if name.startswith("export"):  # what is in its box is to be copied
            inputs = False
        assert len(takes) == (1 if inputs else 0), name
        assert all(take["title"] != "Cancel" for take in takes), name


@pytest.mark.parametrize("name", [name for name in NAMES if "viewer" in name])
def test_a_viewers_card_has_no_button_for_admins(name: str) -> None:
    for one in walk(every()[name]):
        if one["type"] == "Action.Execute":
            assert BUTTONS[one["verb"]].role == "viewer"


def test_sample_data_is_stated_first_and_in_the_notification() -> None:
    marked = [name for name in NAMES if "SAMPLE DATA" in json.dumps(every()[name])]
    assert len(marked) >= 15
    for name in marked:
        card = every()[name]
        if name != "email of a team":  # its words are the mail's
            assert "SAMPLE DATA" in json.dumps(card["body"][0])
            assert card["fallbackText"].startswith("SAMPLE DATA. These are not your costs.")


def test_the_numbers_of_every_chart_stand_as_text(cards: Cards) -> None:
    charts = 0
    for name, card in cards.items():
        for one in walk(card):
            if one["type"].startswith("Chart."):
                charts += 1
                told = read(card)
                for series in one["data"]:
                    assert series["values"], name
                    for point in series["values"]:
                        assert money(Decimal(repr(point["y"])), "USD") in told, (name, point)
    assert charts > 10
