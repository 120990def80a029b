"""From what Teams sends as text to a command: mentions, spaces, quotes, names, and closest ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import COMMANDS
from bot.parser import parse
from bot.words import (
    mentioned_people,
    raw_text_to_bot,
    skip_words,
    split_words,
    text_to_bot,
    unquote,
)

OPS = {"id": "28:bot", "name": "Ops"}


def mention(text: str, **who: Any) -> dict[str, Any]:
    return {"type": "mention", "text": text, "mentioned": who or OPS}


BOB = mention("<at>Bob</at>", id="29:bob", name="Bob")


@pytest.mark.parametrize(
    ("text", "entities", "said"),
    [
        ("help", [], "help"),
        ("<at>Ops</at> help", [mention("<at>Ops</at>")], "help"),
        ("<at>Ops</at>&nbsp;help\u00a0", [mention("<at>Ops</at>")], "help"),
        ("help <at>Ops</at>", [mention("<at>Ops</at>")], "help"),
        ("explain Checkout (קופה\u200e)", [], "explain Checkout (קופה)"),  # copied from a mail
        ("<at>Ops</at> <at>Ops</at> help", [mention("<at>Ops</at>")] * 2, "help"),
        (
            "<at>Ops</at> team Ops-db of Opsie",
            [mention("<at>Ops</at>")],
            "team Ops-db of Opsie",
        ),
        ("Ops team Ops-db", [mention("Ops")], "team Ops-db"),
        ("team Ops-db", [mention("Ops")], "team Ops-db"),
        ('<at id="0">Ops</at> help', [mention('<at id="0">Ops</at>')], "help"),
        ('<at id="0">Ops</at> help', [mention("<at>Ops</at>")], "help"),
        ("<at>Ops</at> help", [], "help"),
        ("<at>ops </at> help", None, "help"),
        ("<at>Ops</at> grant <at>Bob</at>", [mention("<at>Ops</at>"), BOB], "grant Bob"),
        ("<at>Bob</at> help", [BOB], "Bob help"),
        ("teams\n\t check \r\n", [], "teams check"),
        ("team\u200b checkout\ufeff", [], "team checkout"),
        ("anomaly_\u200bthreshold", [], "anomaly_threshold"),
        ('<quoted messageId="1"/> whoami', [], "whoami"),
        ("whoami <quoted messageId='1'></quoted>", [], "whoami"),
        ('<quoted messageId="1"/>\n<quoted messageId="2" /> teams x', [], "teams x"),
        ("add team “Check out” 1", [], 'add team "Check out" 1'),
        ("team L’Oréal", [], "team L’Oréal"),
        ("team R&amp;D &lt;b&gt; &quot;x&quot;", [], 'team R&D <b> "x"'),
        ("team AT&T", [], "team AT&T"),
        ("", [], ""),
        (None, [], ""),
        (17, {}, ""),
        ("help", [{}, None, 5, {"type": "mention"}, {"type": "mention", "mentioned": 5}], "help"),
        ("help", [{"type": "mention", "mentioned": OPS, "text": None}], "help"),
        ("help", "mention", "help"),
        ("a" * 5000, [], "a" * 5000),
        ("half \ud83d character", [], "half \ufffd character"),
    ],
)
def test_only_the_mention_of_the_bot_and_odd_spaces_go(
    text: Any, entities: Any, said: str
) -> None:
    assert text_to_bot(text, entities, OPS) == said


def test_lines_are_kept_for_a_pasted_table() -> None:
    text = '<at>Ops</at>&nbsp;import teams\nteam_name,aws\r\n"A “x”",1<br>B,2'
    raw = raw_text_to_bot(text, [mention("<at>Ops</at>")], OPS)
    assert skip_words(raw, 2) == 'team_name,aws\r\n"A “x”",1\nB,2'
    assert skip_words("import teams", 2) == ""


def test_people_who_are_mentioned_are_each_named_once_and_the_bot_is_not() -> None:
    given_twice = [mention("<at>Ops</at>"), BOB, BOB, mention("x", id=5), mention("x", id="")]
    assert mentioned_people(given_twice, "28:bot") == [("29:bob", "Bob")]
    assert mentioned_people(None, "28:bot") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"Check out" 0123 a@x', ["Check out", "0123", "a@x"]),
        ("Check out", ["Check", "out"]),
        ('a"b c"d', ["a", "b c", "d"]),
        ('""', [""]),
    ],
)
def test_quoted_words_stay_together(text: str, found: list[str]) -> None:
    assert split_words(text) == found


def test_a_name_may_stand_in_quotation_marks() -> None:
    assert unquote(' "Check out" ') == "Check out"


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("help", "help", ""),
        ("HELP", "help", ""),
        ("Hello!", "help", ""),
        ("hi.", "help", ""),
        ("?", "help", ""),
        ("teams", "teams", ""),
        ("team teams", "team", "teams"),
        ("team team", "team", "team"),
        ("Show Team Checkout", "team", "Checkout"),
        ("add team", "add team", ""),
        ("add x", "add team", "x"),
        ("import", "import teams", ""),
        ("alerts", "alerts", ""),
        ("alerts off", "alerts off", ""),
        ("alerts offline", "alerts", "offline"),
        ("run report", "run report", ""),
        ("delete team x", "remove team", "x"),
        ("why checkout", "explain", "checkout"),
        ("team status", "team", "status"),
        ("preview admin", "preview", "admin"),
        ("threshold 25%", "threshold", "25%"),
        ("team what?", "team", "what"),
    ],
)
def test_the_longest_name_or_alias_is_the_command(text: str, name: str, rest: str) -> None:
    parsed = parse(text, COMMANDS)
    assert parsed.command is not None
    assert (parsed.command.name, parsed.argument) == (name, rest)


@pytest.mark.parametrize(
    ("text", "closest"),
    [
        ("hlep", "help"),
        ("thresold 25", "threshold"),
        ("ad team x", "add team"),
        ("statsu", "status"),
        ("teamss", "teams"),
        ("prewiev Team 005", "preview"),
        ("explian checkout", "explain"),
        ("remvoe team x", "remove team"),
        ("run reprot", "run report"),
        ("alrets here", "alerts here"),
        ("Checkout", None),
        ("wombat", None),
        ("", None),
        ("x" * 4000, None),
    ],
)
def test_unknown_text_gets_the_closest_command(text: str, closest: str | None) -> None:
    parsed = parse(text, COMMANDS)
    assert parsed.command is None
    assert parsed.closest == closest


def test_every_name_and_alias_is_of_one_command_and_lower_case() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.casefold() for name in names)


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=3))
def test_no_text_breaks_the_parser(text: str, mentions: list[str]) -> None:
    said = text_to_bot(text, [mention(one) for one in mentions], OPS)
    assert said == said.strip()
    assert "\n" not in said
    said.encode()
    parsed = parse(said, COMMANDS)
    assert parsed.command is None or parsed.argument == parsed.argument.strip()
