"""All cards in Microsoft's renderer for browsers: nothing is lost, obeyed or cut off."""

import os
import shutil
from collections.abc import Callable
from functools import partial

import pytest

from tests.browser.page import chromium
from tests.cards.awkward import every_awkward
from tests.cards.examples import HOSTILE, LARGEST, ORDINARY, every
from tests.cards.gallery import DESKTOP, PHONE, columns, drawn
from tests.cards.reading import UNSEEN, words
from tests.cards.strict import Json, as_old_clients_see, walk
from tests.conftest import ROOT

RENDERER = ROOT / "tests" / "node" / "node_modules" / "adaptivecards"


@pytest.fixture(autouse=True)
def _needs_a_browser() -> None:
    lacking = [
        what
        for what, there in (
            ("Node.js", shutil.which("node")),
            ("Chromium", chromium()),
            ("the packages of tests/node (npm ci)", RENDERER.is_dir()),
        )
        if not there
    ]
    if lacking and os.environ.get("CI"):
        pytest.fail(f"The cards were not drawn: there is no {', no '.join(lacking)}.")
    if lacking:
        pytest.skip(f"The cards were NOT drawn: there is no {', no '.join(lacking)}.")


def expected(card: Json) -> list[str]:
    """The words that must be seen, in order; cards inside it open only when asked."""
    old = as_old_clients_see({key: card[key] for key in ("body",)})
    found = []
    for one in walk(old):
        if one["type"] == "TextBlock":
            found.append(words(one))
        if one["type"] == "RichTextBlock":  # with the line ends inside of long words
            found.append("".join(run["text"] for run in one["inlines"]))
        if one["type"] == "FactSet":
            found += [part for fact in one["facts"] for part in (fact["title"], fact["value"])]
        if one["type"].startswith("Input."):
            found.append(one["label"])
    return [" ".join(one.translate(UNSEEN).split()) for one in found if one]


@pytest.mark.parametrize(
    ("make_cards", "width", "theme"),
    [
        # The other three have every kind of card too, with texts that are harder to show.
        pytest.param(partial(every, ORDINARY), DESKTOP, "dark", marks=pytest.mark.slow),
        (partial(every, HOSTILE), PHONE, "light"),
        (partial(every, LARGEST), PHONE, "light"),
        (every_awkward, PHONE, "light"),
    ],
    ids=["ordinary", "hostile", "largest", "awkward"],
)
def test_people_see_every_word_as_it_is_and_nothing_cut_off(
    make_cards: Callable[[], dict[str, Json]], width: int, theme: str
) -> None:
    cards = make_cards()
    shots = drawn(cards, [{"theme": theme, "width": width, "names": list(cards)}])
    assert [shot["name"] for shot in shots] == list(cards)
    for shot in shots:
        name = shot["name"]
        seen = [" ".join(one.translate(UNSEEN).split()) for one in shot["seen"]]
        seen = [one.removesuffix(" *") for one in seen if one]
        assert seen == expected(cards[name]), name
        assert shot["markup"] == [], name
        assert shot["cut"] == [], name
        assert shot["broken"] == [], name
        assert not [
            one for one in shot["complaints"] if not one.startswith("Unknown element type")
        ], name
        assert shot["height"] < 4500, name


def test_a_picture_tells_what_it_would_get_wrong() -> None:
    words_of_markup = {"type": "TextBlock", "text": "a **b** <team>", "wrap": True}
    wide = {"type": "TextBlock", "text": "W" * 90}
    amount = {"type": "TextBlock", "text": "−$1,234,567.89", "wrap": True}
    column = {"type": "Column", "width": "80px", "items": [amount]}
    body = [words_of_markup, wide, {"type": "ColumnSet", "columns": [column]}]
    button = {"type": "Action.Submit", "title": "Y" * 60}
    card = {"type": "AdaptiveCard", "version": "1.5", "body": body, "actions": [button]}
    (shot,) = drawn({"x": card}, [{"theme": "light", "width": PHONE, "names": ["x"]}])
    assert shot["markup"] == ["<strong>b</strong>"]
    assert shot["seen"][0].strip() == "a b"
    assert shot["cut"] == ["W" * 90, "Y" * 60]
    assert shot["broken"] == ["$1,234,567.89"]


def test_a_contact_sheet_has_every_card_once_and_no_column_much_higher_than_others() -> None:
    heights = {str(i): float(100 + 37 * i % 400) for i in range(41)}
    found = columns(heights, 5)
    assert [name for column in found for name in column] == list(heights)
    assert len(found) <= 5
    highest = max(sum(heights[name] for name in column) for column in found)
    assert highest < 1.25 * sum(heights.values()) / 5
    assert columns({"one": 5.0}, 3) == [["one"]]
