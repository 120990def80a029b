"""The words of the important cards, as they were looked at and found good."""

from tests.cards.golden import GOLDEN, made


def test_the_words_of_the_important_cards_are_those_that_were_looked_at() -> None:
    """``python -m tests.cards.golden`` writes them anew."""
    assert made().split("\n== ") == GOLDEN.read_text("utf-8").split("\n== ")
