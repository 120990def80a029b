"""What buttons send against the models of their verbs: cards of today and of before, and any JSON."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions import BUTTONS, read_press
from bot.payloads import MAX_TEXT
from cards import general
from cards.audit_trail import audit_trail
from cards.thresholds import what_if_card
from services.domain import SpanDays, WhatIf
from services.domain.errors import InvalidError
from tests.cards.examples import HOSTILE, LARGEST, ORDINARY, every
from tests.cards.strict import walk

OLDER_CARD = r"This button is from an older card\. Ask for a new one\."
Data = dict[str, Any]
LARGER_INCREASE = WhatIf(
    span=SpanDays(first=date(2026, 8, 23), last=date(2026, 11, 20)),
    currency="USD",
    threshold=20.0,
    candidate=20.0,
    min_increase=25.0,
    candidate_min_increase=50.0,
    flagged=17,
    candidate_flagged=11,
)


def cards() -> Iterator[tuple[str, Data]]:
    """All example cards, and what commands add to a card when they ask which team is meant."""
    for texts in (ORDINARY, HOSTILE, LARGEST):
        yield from every(texts).items()
    asking: dict[str, Data] = {
        "anomalies": {},
        "costs": {"span": "30 days"},
        "explain": {"period": "2026-W47"},
        "history": {},
        "preview": {},
        "send": {},
        "team": {},
        "team.form": {},
        "team.remove": {},
        "threshold.what_if": {"value": "30", "min": ""},
    }
    for verb, data in asking.items():
        for number in (2, 20):
            choices = [(f"Team {i}", verb, {**data, "team": f"t{i}"}) for i in range(number)]
            yield f"which team, {verb}", general.team_choice("Team", choices)
    yield "history of a team", audit_trail([], 2, True, " of Search", "t1")
    yield "what if, a larger increase", what_if_card(LARGER_INCREASE, None, "admin", False)


def sent() -> Iterator[tuple[str, Data]]:
    """(name of the card, what its button sends), with inputs as they stand or are left."""
    for name, card in cards():
        inputs = [one for one in walk(card) if one["type"].startswith("Input.")]
        for action in walk(card):
            if action["type"] != "Action.Execute":
                continue
            takes = [] if action.get("associatedInputs") == "none" else inputs
            yield name, {**action["data"], **{take["id"]: take.get("value", "") for take in takes}}


def test_every_button_of_every_card_sends_what_the_model_of_its_verb_takes() -> None:
    number = 0
    for name, data in sent():
        press = read_press(data)
        assert press.button is BUTTONS[data["verb"]], name
        number += 1
    assert number > 300


def test_every_model_has_a_card_that_sends_it_and_each_of_its_fields() -> None:
    seen: dict[str, set[str]] = {}
    for _, data in sent():
        seen.setdefault(data["verb"], set()).update(set(data) - {"verb"})
    wanted = {verb: set(button.payload.model_fields) for verb, button in BUTTONS.items()}
    assert seen == wanted


OLD_CARDS: tuple[Data, ...] = (
    {"verb": "help"},
    {"verb": "command", "text": "status"},
    {"verb": "status"},
    {"verb": "status", "choice": "refresh"},
    {"verb": "teams"},
    {"verb": "teams", "text": "", "page": "2"},
    {"verb": "team", "team": "t1"},
    {"verb": "costs", "team": "t1", "span": "month"},
    {"verb": "costs", "team": "t1", "span": "30 days"},
    {"verb": "explain", "team": "t1"},
    {"verb": "explain", "team": "t1", "period": "2026-W47"},
    {"verb": "preview"},
    {"verb": "preview", "team": "t1"},
    {"verb": "email", "team": "admin"},
    {"verb": "run.details", "run": "sample:weekly:2026-W48"},
    {"verb": "anomalies"},
    {"verb": "anomalies", "team": "t1"},
    {"verb": "anomalies", "page": "3"},
    {"verb": "anomalies", "team": "t1", "page": "2"},
    {"verb": "anomaly.open", "anomaly": "a1"},
    {"verb": "anomaly.answer", "anomaly": "a1", "answer": "expected"},
    {"verb": "anomaly.answer", "anomaly": "a1", "answer": "snoozed", "days": "30"},
    {"verb": "anomaly.answer", "anomaly": "a1", "answer": "open"},
    {"verb": "floor.raise", "anomaly": "a1", "value": "150"},
    {"verb": "floor.raise", "anomaly": "a1", "value": "1250.50"},
    {"verb": "floor.undo", "anomaly": "a1", "entry": "e1"},
    {"verb": "cancel"},
    {"verb": "undo", "entry": "e1"},
    {"verb": "history", "page": "2"},
    {"verb": "history", "team": "t1", "page": "1"},
    {"verb": "team.form"},
    {"verb": "team.form", "team": "t1"},
    {
        "verb": "team.save",
        "name": "Search",
        "account": "012345678901",
        "mail": "a@example.org",
        "admins": "",
        "threshold": "12,5",
    },
    {
        "verb": "team.save",
        "team": "t1",
        "name": "Search",
        "account": "012345678901",
        "mail": "a@example.org",
        "admins": "b@example.org",
        "threshold": "",
    },
    {"verb": "team.remove", "team": "t1"},
    {"verb": "team.remove.yes", "team": "t1"},
    {"verb": "import.form"},
    {"verb": "import.check", "text": "team_name,aws_account_id,team_email"},
    {"verb": "import.apply", "pending": "p1"},
    {"verb": "export", "page": "2"},
    {"verb": "export.file"},
    {"verb": "threshold.what_if", "value": "30", "min": "50", "team": "t1"},
    {"verb": "threshold.save", "value": "30"},
    {"verb": "threshold.save", "min": "50"},
    {"verb": "threshold.save", "value": "30", "team": "t1"},
    {"verb": "plan.cancel", "entry": "e1", "team": "t1"},
    {"verb": "send", "team": "weekly"},
    {"verb": "send.yes", "team": "weekly", "period": "2026-W48", "value": "1"},
    {"verb": "run.retry", "run": "sample:weekly:2026-W48"},
    {"verb": "schedule.save", "day": "monday", "hour": "9", "zone": "Europe/Berlin"},
    {"verb": "recipients.save", "mails": "a@example.org"},
    {"verb": "alerts.here"},
    {"verb": "alerts.off"},
    {"verb": "alerts.test"},
    {"verb": "roles.revoke", "person": "00000000-0000-0000-0000-000000000001"},
)
"""What the buttons of cards send that version 0.1.0 has posted: they are pressed for months."""


@pytest.mark.parametrize("data", OLD_CARDS, ids=lambda data: " ".join(data.values()))
def test_the_buttons_of_posted_cards_keep_working(data: Data) -> None:
    press = read_press(data)
    for name, value in data.items():
        if name != "verb":
            assert str(getattr(press.payload, name)) == value


def test_the_posted_cards_know_every_verb() -> None:
    assert {data["verb"] for data in OLD_CARDS} == set(BUTTONS)


FIELDS = [(verb, name) for verb, button in BUTTONS.items() for name in button.payload.model_fields]


def valid(verb: str) -> Data:
    return next(data for data in reversed(OLD_CARDS) if data["verb"] == verb)


@pytest.mark.parametrize("verb", BUTTONS)
def test_a_field_that_no_card_sends_is_refused(verb: str) -> None:
    with pytest.raises(InvalidError, match=OLDER_CARD):
        read_press({**valid(verb), "conversation": "19:x"})


@pytest.mark.parametrize(("verb", "field"), FIELDS)
@pytest.mark.parametrize("value", [[], {}, ["x"], {"$ne": ""}, "a" * (MAX_TEXT + 1), "\0"])
def test_a_field_of_another_type_or_without_end_is_refused(
    verb: str, field: str, value: Any
) -> None:
    with pytest.raises(InvalidError, match=OLDER_CARD):
        read_press({**valid(verb), field: value})


@pytest.mark.parametrize(("verb", "field"), FIELDS)
def test_a_number_or_a_choice_is_one_of_those_that_the_card_offers(verb: str, field: str) -> None:
    annotation = BUTTONS[verb].payload.model_fields[field].annotation
    if annotation is str:
        return
    wrong = ["x", "-1", "1.5"] if get_origin(annotation) is Literal else ["x", "0", "-1", "NaN"]
    assert get_origin(annotation) is not Literal or set(wrong).isdisjoint(get_args(annotation))
    for value in wrong:
        with pytest.raises(InvalidError, match=OLDER_CARD):
            read_press({**valid(verb), field: value})


@pytest.mark.parametrize(
    ("verb", "field"),
    [
        (verb, name)
        for verb, name in FIELDS
        if BUTTONS[verb].payload.model_fields[name].is_required()
    ],
)
def test_what_the_button_itself_carries_must_be_there(verb: str, field: str) -> None:
    data = {name: value for name, value in valid(verb).items() if name != field}
    with pytest.raises(InvalidError, match=OLDER_CARD):
        read_press(data)


@pytest.mark.parametrize(
    "data", [None, [], "help", 5, {}, {"verb": None}, {"verb": "nothing"}, {"verb": ["help"]}]
)
def test_what_is_not_a_button_is_refused(data: Any) -> None:
    with pytest.raises(InvalidError, match=OLDER_CARD):
        read_press(data)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = sorted({name for _, name in FIELDS})


@given(
    st.one_of(
        JSON,
        st.builds(
            lambda verb, fields: {**fields, "verb": verb},
            st.one_of(st.sampled_from(sorted(BUTTONS)), JSON),
            st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=9)), JSON),
        ),
    )
)
def test_any_json_is_a_press_or_refused_in_the_same_words(data: Any) -> None:
    try:
        press = read_press(data)
    except InvalidError as error:
        assert str(error) == "This button is from an older card. Ask for a new one."
    else:
        assert isinstance(press.payload, press.button.payload)
