"""One team's report in all its forms: email, text, preview JSON, cards."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.property.printed import (
    Page,
    amount,
    card_page,
    email_page,
    flat,
    hidden_text,
    money,
    percent_text,
)
from tests.property.reported import TeamSays
from tests.property.sentences import so
from tests.property.team_sentences import SENTENCES, WEEK_DAYS, TeamFacts
from tests.property.truth import Pair, added, change, printed

CLOSING = re.compile(r"Rounding|\d+ other services?|\d+ others?")


def team_problems(facts: TeamFacts, said: TeamSays) -> Iterator[str]:
    """Everything that is wrong with a team's report."""
    page = email_page(said.rendered.html)
    yield from labeled("json", json_problems(facts))
    yield from labeled("subject", subject_problems(facts, said))
    yield from labeled("email", page_problems(facts, page))
    yield from labeled("text", text_problems(said.rendered.text, page))
    card = card_page(said.card)
    yield from labeled("card", page_problems(facts, card))
    yield from labeled("card", same_table(page, card))
    yield from labeled("explanation", explanation_problems(facts, card_page(said.explanation)))


def labeled(where: str, problems: Iterator[str]) -> Iterator[str]:
    return (f"{where}: {problem}" for problem in problems)


def subject_problems(facts: TeamFacts, said: TeamSays) -> Iterator[str]:
    name, _, words = said.rendered.subject.partition(": ")
    yield from so(name == said.team.team_name, "another team")
    yield from SENTENCES.problems(facts, words)
    yield from so(facts.json["subject"] == said.rendered.subject, "the JSON has another subject")
    if hidden := hidden_text(said.rendered.html):
        yield from SENTENCES.problems(facts, hidden)


# Preview JSON


def json_problems(facts: TeamFacts) -> Iterator[str]:
    said, truth = facts.json, facts.truth
    total = printed(facts.total)
    yield from so(
        (Decimal(said["current_total"]), Decimal(said["previous_total"])) == total,
        f"totals {said['current_total']} {said['previous_total']}, not {total}",
    )
    yield from json_percent(said["change_percent"], total)
    usage = Decimal(said["usage_current"]), Decimal(said["usage_previous"])
    yield from so(usage == printed(facts.usage), f"usage {usage}, not {printed(facts.usage)}")
    yield from so(said["data_through"] == truth.through.isoformat(), "data_through")
    yield from column_adds_up(said["services"], total)
    for line in said["services"]:
        if not CLOSING.fullmatch(line["name"]):
            pair = Decimal(line["current"]), Decimal(line["previous"])
            right = printed(truth.pair(service=line["name"]))
            yield from so(pair == right, f"{line['name']} {pair}, not {right}")
    for entry in said.get("accounts", ()):
        yield from json_account(facts, entry)


def json_account(facts: TeamFacts, entry: dict[str, Any]) -> Iterator[str]:
    truth = facts.truth
    pair = Decimal(entry["current"]), Decimal(entry["previous"])
    yield from so(pair == printed(facts.total), f"accounts {pair}")
    yield from so(entry.get("state", truth.state) == truth.state, f"state {entry.get('state')}")
    if truth.state == "left_out":
        yield from so(entry["window"] is None, "a window of what is not compared")
        return
    window = truth.window
    for name, (first, last) in (("current", window.current), ("previous", window.previous)):
        days = {"from": first.isoformat(), "to": last.isoformat()}
        yield from so(entry["window"][name] == days, f"window {entry['window'][name]}, not {days}")


def json_percent(said: float | None, total: Pair) -> Iterator[str]:
    """A percentage is that of the printed amounts, and null from zero."""
    now, before = total
    right = None
    if before:
        exact = (now - before) / abs(before) * 100
        right = float(exact.quantize(Decimal("0.1"), ROUND_HALF_UP))
    yield from so(said == right, f"change_percent {said}, not {right}")


def column_adds_up(lines: Sequence[dict[str, Any]], total: Pair) -> Iterator[str]:
    sums = added((Decimal(line["current"]), Decimal(line["previous"])) for line in lines)
    yield from so(sums == total, f"the lines add up to {sums}, not {total}")
    for line in lines:
        if line["name"] == "Rounding":
            most = Decimal("0.01") * len(lines)
            small = max(abs(Decimal(line["current"])), abs(Decimal(line["previous"]))) <= most
            yield from so(small, f"{line} is not what rounding leaves")


# Email and card


def page_problems(facts: TeamFacts, page: Page) -> Iterator[str]:
    for paragraph in page.paragraphs:
        for line in paragraph.split("\n"):
            if days := day_amounts(line):
                yield from days_problems(facts, days)
            else:
                yield from SENTENCES.problems(facts, line)
    yield from table_problems(facts, page)
    yield from bar_problems(facts, page)


def day_amounts(line: str) -> list[tuple[str, str]]:
    """``Sat 14 Nov $1.00 · Sun 15 no data`` as (day of the month, amount); else empty."""
    pattern = r"(?:\w{3} )(\d{1,2})(?: \w{3})? (no data|[−$]\S+)"
    parts = [re.fullmatch(pattern, part) for part in line.split(" · ")]
    if all(parts):
        return [(part[1], part[2]) for part in parts if part]
    return []


def days_problems(facts: TeamFacts, said: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A line of days is one of the last two weeks."""
    truth = facts.truth
    last = truth.own_through if truth.state == "late" else truth.through
    weeks = [[last - timedelta(13 - 7 * week - number) for number in range(7)] for week in (0, 1)]
    right = [[(str(day.day), day_money(facts, day)) for day in week] for week in weeks]
    yield from so(list(said) in right, f"days {said}, not one of {right}")


def day_money(facts: TeamFacts, day: date) -> str:
    net = facts.truth.ledger.day_amount(facts.truth.account_id, day)
    return "no data" if net is None else money(net)


def bar_problems(facts: TeamFacts, page: Page) -> Iterator[str]:
    """Rows ``Tue 17``, a bar, ``$12.00``."""
    truth = facts.truth
    last = truth.own_through if truth.state == "late" else truth.through
    week = [last - timedelta(number) for number in range(7)]
    days = {f"{WEEK_DAYS[day.weekday()]} {day.day}": day for day in week}
    for row in page.rows:
        if len(row) == 3 and re.fullmatch(r"\w{3} \d{1,2}", row[0]):
            right = day_money(facts, days[row[0]]) if row[0] in days else None
            yield from so(row[2].removeprefix("▲ ") == right, f"bar {row}, not {right}")


def change_rows(page: Page) -> list[list[str]]:
    """The rows of the table of changes, with its total last: name, change, amounts."""
    begins = next((i for i, row in enumerate(page.rows) if "Change" in row), None)
    if begins is None:
        return []
    rows = []
    for row in page.rows[begins + 1 :]:
        rows.append(row)
        if row[0] == "Total":
            return rows
    return rows


def row_pair(row: Sequence[str]) -> Pair:
    now, _, before = row[2].partition("\nwas ")
    return amount(now), amount(before)


def row_problems(row: Sequence[str]) -> Iterator[str]:
    """The change and the percentage of a row are those of its printed amounts."""
    name, moved = row[0].split("\n")[0], row[1].split("\n")
    pair = row_pair(row)
    yield from so(amount(moved[0]) == pair[0] - pair[1], f"the change of {row}")
    said = moved[1] if len(moved) > 1 else ""
    right = percent_text(*pair)
    allowed = {right, ""} if right == "new spend" else {right}
    if pair[0] == pair[1] or name == "Rounding":
        allowed = {""}
    yield from so(said in allowed, f"the percentage of {row}, not {right}")


def table_problems(facts: TeamFacts, page: Page) -> Iterator[str]:
    rows = change_rows(page)
    if not rows:
        return
    for row in rows:
        yield from row_problems(row)
    *parts, total = rows
    yield from so(row_pair(total) == printed(facts.total), f"total {total}")
    sums = added(row_pair(row) for row in parts)
    yield from so(sums == row_pair(total), f"the rows add up to {sums}, not {row_pair(total)}")
    for row in parts:
        name, *notes = row[0].split("\n")
        if CLOSING.fullmatch(name):
            continue
        pairs = [printed(pair) for pair in facts.truth.service_pairs(name)]
        yield from so(row_pair(row) in pairs, f"row {row}, not {pairs}")
        for words in notes:
            yield from note_problems(words, change(row_pair(row)))


def note_problems(words: str, moved: Decimal) -> Iterator[str]:
    """``usage no change, credits that ended +$12.00`` adds up to the change of its row."""
    if not words.startswith("usage "):
        return
    steps = [amount(value) for value in re.findall(r"no change|[+−]\$[\d,]+\.\d\d", words)]
    yield from so(sum(steps) == moved, f"{words!r} adds up to {sum(steps)}, not {moved}")


def same_table(email: Page, card: Page) -> Iterator[str]:
    """The card's table is the email's."""
    yield from so(change_rows(card) == change_rows(email), "another table than in the email")


def text_problems(text: str, page: Page) -> Iterator[str]:
    """The plain text says all that the HTML says."""
    whole = flat(text)
    for paragraph in page.paragraphs:
        for line in paragraph.split("\n"):
            if "Thick bars" not in line and flat(line) not in whole:
                yield f"the plain text lacks {line!r}"
    for row in change_rows(page):
        for part in (part for cell in row for part in cell.split("\n")):
            yield from so(flat(part) in whole, f"the plain text lacks {part!r}")


def explanation_problems(facts: TeamFacts, page: Page) -> Iterator[str]:
    """From the total before to the total now, line by line."""
    for paragraph in page.paragraphs:
        if found := re.fullmatch(r"Why costs changed: (\S+)", paragraph):
            yield from so(amount(found[1]) == facts.change, f"{paragraph}, not {facts.change}")
        elif not day_amounts(paragraph) and "No change in total" not in paragraph:
            yield from SENTENCES.problems(facts, paragraph)
    rows = page.rows[1:]
    if not rows:
        return
    first, *steps, last = rows
    current, previous = printed(facts.total)
    yield from so(amount(first[2]) == previous, f"begins with {first[2]}")
    yield from so(amount(last[2]) == current, f"ends with {last[2]}")
    running = previous
    for row in steps:
        running += amount(row[1])
        yield from so(running == amount(row[2]), f"running total {row}, not {running}")
        name = row[0].split("\n")[0]
        if not CLOSING.fullmatch(name):
            lines = [change(pair) for pair in facts.truth.line_pairs(name)]
            yield from so(amount(row[1]) in lines, f"step {row}, not {lines}")
    yield from so(running == current, f"the steps end at {running}")
