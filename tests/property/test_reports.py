"""Every number and sentence of reports, against the raw costs and against each other.

Worlds are drawn from numbers: a failure names its kind and seed, which draw it again.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from tests.property.accounts import AccountTruth, shown_as
from tests.property.admin_checks import AdminFacts, admin_problems
from tests.property.printed import Page, day_text, email_page
from tests.property.reported import Reported, TeamSays, reported
from tests.property.team_checks import page_problems, team_problems
from tests.property.team_sentences import TeamFacts
from tests.property.truth import Ledger
from tests.property.worlds import KINDS, World, world

SEEDS, SEEDS_OF_ALL = 1, 40


@pytest.mark.parametrize("kind", KINDS)
async def test_no_sentence_of_a_report_is_false_and_all_columns_add_up(
    kind: str, is_long: bool
) -> None:
    found = []
    for seed in range(SEEDS_OF_ALL if is_long else SEEDS):
        drawn = world(kind, seed)
        found += [f"seed {seed}: {problem}" for problem in problems(drawn, await reported(drawn))]
    assert not found, "\n".join(["", *found])


async def test_every_amount_that_is_a_cent_off_is_noticed() -> None:
    """Otherwise nobody would know what the checks above overlook."""
    drawn = world("rising", 1)
    said = await reported(drawn)
    team = max(said.teams, key=lambda team: team.rendered.html.count("$"))
    facts = _facts(drawn, Ledger(drawn.costs), drawn.through, said, team)
    page = email_page(team.rendered.html)
    changed = list(one_cent_off(page))
    overlooked = [text for text, other in changed if not list(page_problems(facts, other))]
    assert (len(changed) > 20, overlooked) == (True, [])


def one_cent_off(page: Page) -> Iterator[tuple[str, Page]]:
    """Change one amount of a page: what it says now, and the page, for each amount."""
    for number, paragraph in enumerate(page.paragraphs):
        for text in _changed(paragraph):
            paragraphs = [*page.paragraphs[:number], text, *page.paragraphs[number + 1 :]]
            yield text, Page(paragraphs, page.rows)
    for number, row in enumerate(page.rows):
        for place, cell in enumerate(row):
            for text in _changed(cell):
                changed = [*row[:place], text, *row[place + 1 :]]
                rows = [*page.rows[:number], changed, *page.rows[number + 1 :]]
                yield text, Page(page.paragraphs, rows)


def _changed(text: str) -> Iterator[str]:
    for found in re.finditer(r"\$[\d,]+\.\d\d", text):
        digit = str((int(text[found.end() - 1]) + 1) % 10)
        yield text[: found.end() - 1] + digit + text[found.end() :]


def problems(drawn: World, said: Reported) -> Iterator[str]:
    """Everything that is wrong with the reports of a world."""
    ledger = Ledger(drawn.costs)
    through = ledger.last_day() or drawn.through
    facts: dict[str, TeamFacts] = {}
    for team in said.teams:
        own = _facts(drawn, ledger, through, said, team)
        facts[team.team.team_name] = own
        yield from (f"{team.team.team_name}: {p}" for p in team_problems(own, team))
    admin = AdminFacts(
        teams={name: own.truth for name, own in facts.items()},
        unmapped={
            account.account_id: _truth(drawn, ledger, through, account.account_id, account.moves)
            for account in drawn.accounts
            if account.team is None
        },
        json=said.admin_json,
        told={name: own.told for name, own in facts.items()},
    )
    yield from admin_problems(admin, said.admin, said.admin_card)


def _facts(
    drawn: World, ledger: Ledger, through: date, said: Reported, team: TeamSays
) -> TeamFacts:
    truth = _truth(drawn, ledger, through, team.team.aws_account_id, _moves(team, drawn))
    ended = re.search(r"(\d+) ended", team.rendered.text, re.IGNORECASE)
    return TeamFacts(
        truth,
        team.json,
        team.team.team_name,
        int(ended[1]) if ended else 0,
        _told(said, team),
    )


def _truth(
    drawn: World, ledger: Ledger, through: date, account_id: str, moves: list[tuple[str, str]]
) -> AccountTruth:
    account = next(a for a in drawn.accounts if a.account_id == account_id)
    return AccountTruth(
        ledger, account_id, through, Decimal(repr(account.threshold or 20.0)), tuple(moves)
    )


def _moves(team: TeamSays, drawn: World) -> list[tuple[str, str]]:
    """(old, new) codes of what a team's own report says moved."""
    account = next(a for a in drawn.accounts if a.account_id == team.team.aws_account_id)
    codes = {service for service, _ in account.lines}
    flat = " ".join(team.rendered.text.split())
    return [
        (old, new)
        for says_old, says_new in re.findall(r"a day moved from (.+?) to (.+?), total", flat)
        for old in codes
        for new in codes
        if says_old in shown_as(old) and says_new in shown_as(new) and old != new
    ]


def _told(said: Reported, team: TeamSays) -> tuple[Decimal, str, date, date] | None:
    """What the report of a week before said of a team's total, and of which days."""
    preview = said.told_before.get(team.team.id)
    if preview is None:
        return None
    window = preview["window"]
    if accounts := preview.get("accounts"):
        window = accounts[0]["window"]
        if window is None:
            return None
    days = window["current"]
    first, last = date.fromisoformat(days["from"]), date.fromisoformat(days["to"])
    return Decimal(preview["current_total"]), day_text(said.told_at), first, last
