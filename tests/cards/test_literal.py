"""Text from outside is shown letter by letter and never obeyed, whatever client reads it."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards import general
from cards.alerts import alert_card
from cards.audit_trail import AuditLine, audit_trail
from cards.elements import (
    bold,
    card,
    crossing,
    facts,
    figure,
    has_markup,
    heading,
    monospace,
    note,
    notice,
    plain,
    problem,
    section,
    table,
    text,
)
from cards.elements.texts import MAX_WHOLE_WORD
from cards.teams import team_stored
from services.domain.formatting import neutral
from tests.cards.examples import HOSTILE, LARGEST, ORDINARY, anomaly, entry, every, news, team
from tests.cards.markdown import seen, texts_of_blocks
from tests.cards.reading import invisible_in, read, words
from tests.cards.strict import walk

MACRO = re.compile(r"\{\{|</?at\b", re.IGNORECASE)
"""What clients look for inside a run: dates, and mentions of people."""
PIECES = (
    *("<team>", "<b>x</b>", "<at>Ana</at>", "&nbsp;", "&lt;", "&", "<", ">", "<!-- x -->"),
    *("*", "**", "_", "__", "~~", "`", "```", "\\", "\\*", "#", "# ", "###### ", "> ", "|", "---"),
    *("- ", "+ ", "* ", "1. ", "1) ", "12.", "(", ")", "[", "]", "[x](y)", "![x](y)", "[x]: y"),
    *("http://evil.example", "https://x", "www.evil.example", "<https://x>", "a@b.example"),
    *("{{DATE(2026-11-20T00:00:00Z)}}", "{{TIME(2026-11-20T00:00:00Z)}}", "{{", "}}", "==", "==="),
    *(
        "\u202e",
        "\u200f",
        "\u2066",
        "\u061c",
        "\u00ad",
        "\u200b",
        "\u00a0",
        "\n",
        "\r\n",
        "\t",
        " ",
    ),
    *(
        "  \n",
        "\x00",
        "\x1b",
        "…",
        "−",
        "“",
        "'",
        '"',
        "(c)",
        "...",
        "--",
        "0",
        "1",
        "a",
        "Z",
        "é",
    ),
)
CHANGE = entry(ORDINARY, 1, "team.add")
NASTY = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)


def as_people_see(element: dict[str, Any]) -> str:
    """The words of an element, after every client has had its chance to misread them."""
    if element["type"] == "TextBlock":
        assert seen(element["text"]) == {element["text"]}
    else:
        assert element["type"] == "RichTextBlock"
        assert not any(MACRO.search(run["text"]) for run in element["inlines"])
    return words(element)


@pytest.mark.parametrize("make", [text, heading, figure, section, note, crossing])
@given(typed=NASTY)
def test_every_kind_of_text_shows_what_it_was_given(make: Any, typed: str) -> None:
    line = neutral(typed)
    if line:
        assert as_people_see(make(line)) == line


@given(typed=NASTY, other=NASTY)
def test_words_between_bold_ones_show_as_they_are(typed: str, other: str) -> None:
    one, two = neutral(typed), neutral(other)
    shown = text("By ", bold(one), ": ", two)
    assert as_people_see(shown) == f"By {one}: {two}"
    assert [run["text"] for run in shown["inlines"] if run.get("weight")] or not one


@given(typed=NASTY)
def test_facts_tables_and_boxes_show_what_they_were_given(typed: str) -> None:
    line = neutral(typed) or "-"
    made = card(
        [
            notice(line),
            problem([line]),
            facts([(line, line)]),
            table([(line, 1, False), ("x", 1, True)], [[line, (line, line)]]),
        ]
    )
    assert [block for block in texts_of_blocks(made) if seen(block) != {block}] == []
    assert not any(MACRO.search(one["text"]) for one in walk(made) if one["type"] == "TextRun")
    separator = ": " if made["body"][2]["type"] == "FactSet" else " | "
    assert read(made).split("\n") == [
        f"# {line}",
        f"# {line}",
        f"{line}{separator}{line}",
        f"{line} | x",
        f"{line} | {line} / {line}",
    ]


@given(typed=st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_an_email_keeps_its_own_line_ends(typed: str) -> None:
    body = "\n".join(neutral(line) for line in typed.split("\n"))
    # A word that is too long for a line has further ones.
    assert words(monospace(body)).replace("\n", "") == body.replace("\n", "")
    if max(map(len, body.split()), default=0) <= MAX_WHOLE_WORD:
        assert words(monospace(body)) == body
    assert not any(MACRO.search(run["text"]) for run in monospace(body)["inlines"])


@given(typed=NASTY)
def test_cards_name_teams_and_people_as_they_are_called(typed: str) -> None:
    name = plain(typed, 60) or "x"
    shown = read(team_stored(team(ORDINARY, team_name=name), "was added", name, None, 20.0))
    assert shown.startswith(f"{name} was added by {name}.")
    two = [(name, "team", {"team": "1"}), (name, "team", {"team": "2"})]
    begin = "" if len(name) > general.MAX_BUTTON_TITLE else "["
    assert f"matches 2 teams:\n{begin}{name}" in read(
        general.team_choice(typed, two)
    ) or not plain(typed, 60)
    assert read(general.permission_denied("this", [name])).endswith(f"Admins: {plain(name, 40)}.")
    alert = alert_card(news(ORDINARY, anomaly(ORDINARY, service=name)))
    assert f"Checkout 012345678901: {name}" in read(alert)
    assert f"Changes of {name}" in read(
        audit_trail([AuditLine(CHANGE, name, False)], 1, False, f" of {name}", "")
    )
    assert name in general.closed(name)["fallbackText"]


@given(st.text(max_size=300))
def test_nothing_invisible_is_left_of_text_from_outside(typed: str) -> None:
    line = neutral(typed)
    assert len(line) <= 200
    assert not [c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert "  " not in line
    assert line == line.strip()
    assert neutral(line) == line


@pytest.mark.parametrize(
    "texts", [ORDINARY, HOSTILE, LARGEST], ids=["ordinary", "hostile", "largest"]
)
def test_no_card_has_words_that_a_client_reads_as_markup(texts: Any) -> None:
    for name, made in every(texts).items():
        for one in texts_of_blocks(made):
            assert seen(one) == {one}, name
            assert not has_markup(one), name
        runs = (one["text"] for one in walk(made) if one["type"] == "TextRun")
        assert not any(map(MACRO.search, runs)), name


@pytest.mark.parametrize(
    ("words_of_phones", "why"),
    [
        ("a*b*c", "phones see emphasis, and show the backslashes that computers need"),
        ("_a_ b", "the same"),
        ("é_b_é", "phones know no letters but those of English"),
        ("a__b__c", "the same"),
        ("[x](y)", "a link"),
        ("f(x)- y", "phones look for lists after a parenthesis"),
        ("f(x)1. y", "the same"),
        ("&minus;", "computers decode it, phones do not"),
        ("x <y> z", "computers drop it as HTML, phones do not"),
        ("see http://x", "some clients make a link of it"),
        ("- x", "a list"),
        ("12. x", "a list"),
    ],
)
def test_text_that_phones_and_computers_read_differently_is_not_a_text_block(
    words_of_phones: str, why: str
) -> None:
    assert text(words_of_phones)["type"] == "RichTextBlock", why


@pytest.mark.parametrize(
    "words_of_ours",
    [
        *("+$1.00", "−1.0%", "12.5%", "1–20 Nov", "$1,234.56", "UTC"),
        *("anomaly_threshold", "DATADOG_SITE", "Row 2: a_b_c has 4 digits"),
    ],
)
def test_ordinary_words_are_ordinary_text_blocks(words_of_ours: str) -> None:
    assert text(words_of_ours) == {"type": "TextBlock", "text": words_of_ours, "wrap": True}


def test_a_long_word_can_break_where_runs_would_not() -> None:
    name = "*".join(["abc"] * 20)
    (run,) = text(name)["inlines"]
    lines = run["text"].split("\n")
    assert len(lines) == 3
    assert max(map(len, lines)) <= MAX_WHOLE_WORD
    assert words(text(name)) == name


def test_a_long_word_without_markup_is_whole_and_breaks_automatically() -> None:
    name = "_".join(["abc"] * 20)
    assert text(name) == {"type": "TextBlock", "text": name, "wrap": True}


@pytest.mark.parametrize(
    "texts", [ORDINARY, HOSTILE, LARGEST], ids=["ordinary", "hostile", "largest"]
)
def test_nothing_invisible_is_copied_out_of_a_card(texts: Any) -> None:
    for name, made in every(texts).items():
        for shown in texts_to_copy(made):
            assert not invisible_in(shown), (name, shown)


def texts_to_copy(card: dict[str, Any]) -> Iterator[str]:
    """All that a card says; not what stands in a form or a file, which is as it is stored."""
    keys = ("text", "title", "label", "placeholder", "errorMessage", "fallbackText", "legend")
    for element in (card, *walk(card)):
        yield from (str(element[key]) for key in keys if key in element)
        for pair in (*element.get("facts", ()), *element.get("choices", ())):
            yield from (str(pair["title"]), str(pair["value"] if "facts" in element else ""))
