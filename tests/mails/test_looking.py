"""The mails as their readers' programs show them: nothing is cut, unreadable, lost or clipped."""

import os
import re
from functools import cache
from html.parser import HTMLParser

import pytest

from services.domain import RenderedReport
from tests.cards.reading import invisible_in
from tests.mails.looking import DESKTOP, PHONE, lacks, looked_at
from tests.mails.states import every

HARMLESS = {
    "@media": "widths and dark colours are better with it, and all is readable without",
    "<style> element": "every style stands where it is used, too",
    "display:none": "the preheader: one line in the colour of the page, a pixel tall",
    "overflow": "the preheader, which Word hides by mso-hide",
    "overflow-wrap": "word-break stands beside it",
    "white-space": "nowrap stands as an attribute beside it",
    "table-layout": "the bars have widths as attributes beside it",
    "<body> element": "its ground stands at the outer table, too",
}
"""What some client lacks, and why that takes nothing away."""
GMAIL_CLIPS_AT = 102 * 1024
MONEY = re.compile(r"[−+]?\$[\d,]+(?:\.\d\d)?")


@cache
def mails() -> dict[str, RenderedReport]:
    return every()


@pytest.fixture
def _needs_a_browser() -> None:
    lacking = lacks()
    if lacking and os.environ.get("CI"):
        pytest.fail(f"The mails were not looked at: there is no {', no '.join(lacking)}.")
    if lacking:
        pytest.skip(f"The mails were NOT looked at: there is no {', no '.join(lacking)}.")


def test_nothing_invisible_is_copied_out_of_an_email() -> None:
    for name, mail in mails().items():
        for text in (mail.subject, mail.text, *Elements(mail.html).texts):
            assert not invisible_in(text), name


class Elements(HTMLParser):
    """Every tag with its attributes, and the texts between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._hidden = tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


@pytest.mark.usefixtures("_needs_a_browser")
def test_every_email_is_sound_readable_and_whole_at_every_width_and_in_the_dark() -> None:
    found = looked_at({name: mail.html for name, mail in mails().items()})
    for name, one in found.items():
        assert one["markup"] == [], name
        for look in one["looks"]:
            assert look["violations"] == [], (name, look)
            assert look["cut"] == [], (name, look)
            assert look["broken"] == [], (name, look)
            assert look["wide"] <= 0, (name, look)
    assert {what for one in found.values() for what in one["lacking"]} == set(HARMLESS)
    (desktop,) = [one for one in found["team quiet"]["looks"] if one["width"] == DESKTOP]
    assert desktop["height"] <= 1150


@pytest.mark.usefixtures("_needs_a_browser")
def test_what_is_wrong_with_an_email_is_found() -> None:
    html = mails()["team quiet"].html
    wrong = html.replace(
        "</h1>",
        '</h1><div style="display:flex;width:900px;color:#BBBBBB;">hardly to be seen</div>'
        '<img src="cid:x"></b>',
        1,
    )
    one = looked_at({"wrong": wrong}, [{"width": PHONE, "theme": "light", "styles": True}])[
        "wrong"
    ]
    assert any("display:flex" in what for what in one["lacking"])
    assert any("close-order" in words for words in one["markup"]), one["markup"]
    (look,) = one["looks"]
    assert look["wide"] > 0
    found_by_axe = {words.partition(":")[0] for words in look["violations"]}
    assert {"color-contrast", "image-alt"} <= found_by_axe


# What needs no browser


@pytest.mark.parametrize("name", mails())
def test_an_email_is_not_clipped_by_gmail(name: str) -> None:
    assert len(mails()[name].html.encode()) < GMAIL_CLIPS_AT


@pytest.mark.parametrize("name", mails())
def test_words_engine_finds_as_attributes_what_it_does_not_read_as_styles(name: str) -> None:
    html = mails()[name].html
    assert '<!--[if mso]><table role="presentation" width="640"' in html
    for tag, given in Elements(html).tags:
        style = given.get("style", "")
        assert not re.search(r"float:|flex|grid|position:|inline-block|min-width|calc\(", style)
        assert tag not in {"img", "svg", "button", "form", "script", "link"}
        if tag in {"td", "th"} and "white-space:nowrap" in style:
            assert "nowrap" in given, style
        if tag in {"td", "table"} and "background:" in style:
            assert given["bgcolor"].lower() in style.lower()
        if tag == "table":
            assert {"cellpadding", "cellspacing", "border", "width"} <= set(given)
        small = re.search(r"line-height:(\d+)px", style)
        if small and int(small[1]) < 15 and "display:none" not in style:
            assert "mso-line-height-rule:exactly" in style, style


@pytest.mark.parametrize("name", mails())
def test_the_plain_text_says_the_same_amounts_as_the_html(name: str) -> None:
    mail = mails()[name]
    html = " ".join(Elements(mail.html).texts)
    assert set(MONEY.findall(html)) - set(MONEY.findall(mail.preheader)) <= set(
        MONEY.findall(mail.text)
    )
    assert set(MONEY.findall(mail.text)) <= set(MONEY.findall(html))


@pytest.mark.parametrize(
    "name", [name for name in mails() if not name.endswith(("largest", "hostile"))]
)
def test_the_plain_text_fits_its_columns(name: str) -> None:
    assert [line for line in mails()[name].text.splitlines() if len(line) > 80] == []
