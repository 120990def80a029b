"""The admins' report in all its forms: email, text, preview JSON, card, CSV."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from services.domain import RenderedReport
from tests.property.accounts import AccountTruth, TotalTruth
from tests.property.printed import (
    Page,
    amount,
    card_page,
    cents,
    csv_rows,
    day_text,
    email_page,
    hidden_text,
    is_printed_as,
    money,
)
from tests.property.sentences import Sentences, so
from tests.property.team_checks import (
    CLOSING,
    change_rows,
    column_adds_up,
    json_percent,
    labeled,
    row_pair,
    row_problems,
    same_table,
    text_problems,
)
from tests.property.team_sentences import (
    MIN_INCREASE,
    TeamFacts,
    bare_percent,
    causes,
    excess,
)
from tests.property.team_sentences import SENTENCES as TEAM_SENTENCES
from tests.property.truth import Pair, added, change, printed

MAX_MOVERS, MAX_MOVERS_ON_CARD = 10, 5
OF_THE_REST = re.compile(
    r"Costs (?:up|down)|The largest|.+ accounts? for|The total hides|Usage [+−u]"
)
"""Sentences about the change without what is missing of silent accounts."""
Match = re.Match[str]


@dataclass(frozen=True)
class AdminFacts:
    """What the admins' report is held against."""

    teams: dict[str, AccountTruth]
    """By the team's name."""
    unmapped: dict[str, AccountTruth]
    """By account id."""
    json: dict[str, Any]
    told: dict[str, Any] = field(default_factory=dict)
    """By the team's name, as in ``TeamFacts``."""

    @property
    def accounts(self) -> list[AccountTruth]:
        return [*self.teams.values(), *self.listed_unmapped.values()]

    @property
    def listed_unmapped(self) -> dict[str, AccountTruth]:
        """Accounts without a team that had costs in the window, or are left out of it."""
        return {
            account: truth
            for account, truth in self.unmapped.items()
            if any(truth.pair()) or truth.state == "left_out"
        }

    @property
    def total(self) -> TotalTruth:
        return self._together(self.accounts)

    @property
    def missing(self) -> list[AccountTruth]:
        """Silent accounts whose costs fell: it is not known that they did."""
        return [a for a in self.accounts if a.state == "silent" and a.pair()[0] < a.pair()[1]]

    @property
    def rest(self) -> Pair:
        """The printed totals without what is missing."""
        now, before = printed(self.total.pair())
        less = printed(added(account.pair() for account in self.missing))
        return now - less[0], before - less[1]

    @property
    def rest_truth(self) -> TotalTruth:
        missing = {account.account_id for account in self.missing}
        return self._together([a for a in self.accounts if a.account_id not in missing])

    def _together(self, parts: Sequence[AccountTruth]) -> TotalTruth:
        some = next(iter([*self.teams.values(), *self.unmapped.values()]))
        return TotalTruth(some.ledger, "", some.through, parts=tuple(parts))


SENTENCES: Sentences[AdminFacts] = Sentences()
says = SENTENCES.says


def admin_problems(facts: AdminFacts, rendered: RenderedReport, card: Any) -> Iterator[str]:
    """Everything that is wrong with the admins' report."""
    page = email_page(rendered.html)
    yield from labeled("admin json", json_problems(facts))
    subject = rendered.subject.removeprefix("AWS costs: ")
    yield from labeled("admin subject", sentence_problems(facts, subject))
    yield from labeled("admin subject", sentence_problems(facts, hidden_text(rendered.html)))
    yield from labeled("admin email", page_problems(facts, page))
    yield from labeled("admin text", text_problems(rendered.text, page))
    on_card = card_page(card)
    yield from labeled("admin card", page_problems(facts, on_card))
    yield from labeled("admin card", movers_problems(facts, on_card))
    if len(facts.teams) <= MAX_MOVERS_ON_CARD:
        yield from labeled("admin card", same_table(page, on_card))
    (attachment,) = rendered.attachments
    yield from labeled("csv", csv_problems(facts, csv_rows(attachment.content)))


def sentence_problems(facts: AdminFacts, sentence: str) -> Iterator[str]:
    """Check with the admins' own patterns, then with those that they share with teams."""
    own = list(SENTENCES.problems(facts, sentence))
    if own and own[0].startswith("nobody checks"):
        truth = facts.rest_truth if OF_THE_REST.match(sentence) else facts.total
        shared = TeamFacts(truth, facts.json)
        yield from TEAM_SENTENCES.problems(shared, sentence)
    else:
        yield from own


# JSON and CSV


def json_problems(facts: AdminFacts) -> Iterator[str]:
    said, total = facts.json, printed(facts.total.pair())
    now, before = Decimal(said["current_total"]), Decimal(said["previous_total"])
    yield from so((now, before) == total, f"totals {now} {before}, not {total}")
    yield from json_percent(said["change_percent"], total)
    usage = Decimal(said["usage_current"]), Decimal(said["usage_previous"])
    right = printed(facts.total.pair(category="usage"))
    yield from so(usage == right, f"usage {usage}, not {right}")
    yield from column_adds_up(said["services"], total)
    for line in said["services"]:
        if not CLOSING.fullmatch(line["name"]):
            pair = Decimal(line["current"]), Decimal(line["previous"])
            exact = printed(facts.total.pair(service=line["name"]))
            yield from so(pair == exact, f"{line['name']} {pair}, not {exact}")
    yield from so({line["team_name"] for line in said["teams"]} == set(facts.teams), "other teams")
    for line in said["teams"]:
        pair = Decimal(line["current"]), Decimal(line["previous"])
        exact = printed(facts.teams[line["team_name"]].pair())
        yield from so(pair == exact, f"{line['team_name']} {pair}, not {exact}")
        yield from json_percent(line["change_percent"], exact)
    unmapped = {
        line["aws_account_id"]: Decimal(line["current"]) for line in said["unmapped_accounts"]
    }
    exact_unmapped = {a: cents(t.pair()[0]) for a, t in facts.listed_unmapped.items()}
    yield from so(unmapped == exact_unmapped, f"unmapped {unmapped}, not {exact_unmapped}")
    silent = {line["team_name"] for line in said["silent_teams"]}
    right_silent = {name for name, truth in facts.teams.items() if truth.state == "silent"}
    yield from so(silent == right_silent, f"silent {silent}, not {right_silent}")
    if "rounding" in said:
        lines = [*said["accounts"], said["rounding"]]
        sums = added((Decimal(line["current"]), Decimal(line["previous"])) for line in lines)
        yield from so(sums == total, f"the accounts add up to {sums}, not {total}")


def csv_problems(facts: AdminFacts, rows: Sequence[dict[str, str]]) -> Iterator[str]:
    total = printed(facts.total.pair())
    sums = added((Decimal(row["current"]), Decimal(row["previous"])) for row in rows)
    yield from so(sums == total, f"the rows add up to {sums}, not {total}")
    truths = {t.account_id: t for t in facts.accounts}
    named = [row for row in rows if row["team_name"] != "Rounding"]
    yield from so(len(named) == len(truths), f"{len(named)} rows for {len(truths)} accounts")
    for row in rows:
        now, before = Decimal(row["current"]), Decimal(row["previous"])
        yield from so(Decimal(row["change"]) == now - before, f"the change of {row}")
    for row in named:
        truth = truths[row["aws_account_id"]]
        pair = Decimal(row["current"]), Decimal(row["previous"])
        yield from so(pair == printed(truth.pair()), f"{row}, not {printed(truth.pair())}")
        if row["team_name"] in facts.teams:
            said = float(row["change_percent"]) if row["change_percent"] else None
            yield from json_percent(said, pair)
        if truth.state != "left_out":
            days = tuple(day.isoformat() for day in truth.window.current)
            yield from so((row["from"], row["to"]) == days, f"{row}, not {days}")


# Email and card


def page_problems(facts: AdminFacts, page: Page) -> Iterator[str]:
    for paragraph in page.paragraphs:
        for line in paragraph.split("\n"):
            yield from sentence_problems(facts, line)
    yield from movers_problems(facts, page)
    yield from anomaly_row_problems(facts, page)
    yield from list_problems(facts, page)


def movers_problems(facts: AdminFacts, page: Page) -> Iterator[str]:
    rows = change_rows(page)
    for row in rows:
        yield from row_problems(row)
    *parts, total = rows
    yield from so(row_pair(total) == printed(facts.total.pair()), f"total {total}")
    sums = added(row_pair(row) for row in parts)
    yield from so(sums == row_pair(total), f"the movers add up to {sums}, not {row_pair(total)}")
    shown = []
    for row in parts:
        name, *notes = row[0].split("\n")
        if name in facts.teams:
            shown.append(name)
            right = printed(facts.teams[name].pair())
            yield from so(row_pair(row) == right, f"row {row}, not {right}")
            yield from so(
                " ".join(notes).startswith(facts.teams[name].account_id), "another account"
            )
        elif found := re.fullmatch(r"(\d+) (?:other )?teams?", name):
            others = len(facts.teams) - len(shown)
            yield from so(int(found[1]) == others, f"{name}, but there are {others}")
        elif name == "Unmapped":
            pairs = [printed(truth.pair()) for truth in facts.listed_unmapped.values()]
            close = added(pairs), printed(added(t.pair() for t in facts.listed_unmapped.values()))
            yield from so(row_pair(row) in close, f"row {row}, not {close}")
        else:
            yield from so(name == "Rounding", f"who is {name}?")


def anomaly_row_problems(facts: AdminFacts, page: Page) -> Iterator[str]:
    """Each row of the table of anomalies is one of the JSON's, with its amount and first day."""
    begins = next((i for i, row in enumerate(page.rows) if row[0] == "Team: driver"), None)
    if begins is None:
        return
    for row in page.rows[begins + 1 :]:
        if "Change" in row or row[0] in ("Account", "Team"):
            return
        value = row[1].split("\n")[0]
        fits = [
            anomaly
            for anomaly in facts.json["anomalies"]
            if amount(value) in (excess(anomaly), excess(anomaly, whole=True))
        ]
        yield from so(fits, f"anomaly {row} is not in the JSON")


def list_problems(facts: AdminFacts, page: Page) -> Iterator[str]:
    """The lists of unmapped accounts and of silent teams."""
    for row in page.rows:
        _, _, account = row[0].partition("\n")
        if account in facts.unmapped:
            right = money(facts.unmapped[account].pair()[0])
            yield from so(row[1].split("\n")[0] == right, f"unmapped {row}, not {right}")


# Sentences

ASIDE = r"(?: without {silent:count} silent accounts?)?"
CROSSED = r"(?:, {teams:count} teams? above threshold)?"
CAUSE = r"(?:, (?P<cause>(?:mostly|largest) .+))?"


@says(
    r"(?:Costs )?(?P<verb>up|down) {amount:money}(?: \({percent:percent}\))?"
    rf"{ASIDE}{CROSSED}{CAUSE}"
)
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    now, before = facts.rest
    yield from aside(facts, said)
    yield from so((now > before) == (said["verb"] == "up"), f"from {before} to {now}")
    yield from so(is_printed_as(said["amount"], abs(now - before)), f"it is {now - before}")
    if not said[0].startswith("Costs"):
        right = bare_percent((now, before))
        yield from so((said["percent"] or "") == right, f"it is {right}")
    if said["cause"] and "…" not in said["cause"]:
        yield from causes(TeamFacts(facts.rest_truth, facts.json), said["cause"], now - before)


@says(rf"(?:unchanged|Costs unchanged){ASIDE}{CROSSED}")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    now, before = facts.rest
    yield from aside(facts, said)
    yield from so(now == before, f"from {before} to {now}")


def aside(facts: AdminFacts, said: Match) -> Iterator[str]:
    """Check how many silent accounts a headline leaves out, and how many teams crossed."""
    missing = len(facts.missing)
    yield from so(int(said["silent"] or 0) == missing, f"{missing} are missing")
    if re.match("Costs (up|down)", said[0]):  # the headline does not count them
        return
    crossed = [name for name, truth in facts.teams.items() if is_above(truth)]
    yield from so(int(said["teams"] or 0) == len(crossed), f"above are {crossed}")


def is_above(truth: AccountTruth) -> bool:
    """Whether usage rose past the threshold and by the minimum increase."""
    now, before = truth.pair(category="usage")
    if now - before < MIN_INCREASE:
        return False
    return before == 0 or (now - before) / abs(before) * 100 > truth.threshold


@says(
    r"(?:{amount:money}, )?(?P<verdict>(?i:nothing unusual|learning|\d+ teams? up in the last 7 days)(?:, .+)?)"
)
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    if said["amount"]:
        total = cents(facts.total.pair()[0])
        yield from so(is_printed_as(said["amount"], total), f"it is {total}")
    if said["verdict"].casefold() == "nothing unusual":
        yield from so(not facts.json["anomalies"], "anomalies are open")


@says(r"{now:money} vs {before:money}\.(?: (?P<open>No|\d+) open anomal(?:y|ies)\.)?")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    right = tuple(money(value) for value in facts.total.pair())
    yield from so((said["now"], said["before"]) == right, f"it is {right}")
    number = 0 if said["open"] in (None, "No") else int(said["open"])
    yield from so(number == len(facts.json["anomalies"]), "another count")


@says(r"All teams, {accounts:count} accounts?")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from so(int(said["accounts"]) == len(facts.accounts), f"{len(facts.accounts)} accounts")


@says(r"Anomalies \({open:count} open\)")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from so(int(said["open"]) == len(facts.json["anomalies"]), "another count")


@says(r"Top movers vs {before:range}")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from so(said["before"] == facts.total.window.names[1], "other days")


@says(
    r"(?:{unmapped:count} unmapped accounts?)?(?: · )?(?:{silent:count} silent teams?)?(?: · \d+ failed emails?)?"
)
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    unmapped, silent = len(facts.listed_unmapped), len(facts.json["silent_teams"])
    yield from so(int(said["unmapped"] or 0) == unmapped, f"{unmapped} are unmapped")
    yield from so(int(said["silent"] or 0) == silent, f"{silent} are silent")


@says(
    r"{number:count} accounts? (?P<what>(?:is|are) late and compared over (?:its|their) own days|(?:is|are) late, ha(?:s|ve) too few days to compare, and counts? in no total): {names:name}\."
)
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    out = "too few" in said["what"]
    late = {
        _name(facts, truth): day_text(truth.own_through)
        for truth in facts.accounts
        if (truth.state == "left_out" if out else truth.window != facts.total.window)
    }
    yield from so(int(said["number"]) == len(late), f"{len(late)} are late")
    for name, day in re.findall(r"(?:^|, | and )(.+?) through (\d+ \w{3})", said["names"]):
        yield from so(late.get(name) == day, f"{name} is late since {late.get(name)}")


def _name(facts: AdminFacts, truth: AccountTruth) -> str:
    named = {t.account_id: name for name, t in facts.teams.items()}
    return named.get(truth.account_id, f"Account {truth.account_id[-2:]}")


@says(
    r"The change includes {fall:money} of missing data from {number:count} silent accounts?; without it, costs are (?:unchanged|(?P<verb>up|down) {amount:money}(?: \((?P<percent>[^)]+)\))?)\."
)
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    missing = facts.missing
    yield from so(int(said["number"]) == len(missing), f"{len(missing)} are silent")
    fall = change(added(account.pair() for account in missing))
    yield from so(amount(said["fall"]) == fall, f"it is {fall}")
    now, before = facts.rest
    if said["verb"]:
        yield from so(amount(said["amount"]) == abs(now - before), f"it is {now - before}")
        yield from so((said["verb"] == "up") == (now > before), "the wrong direction")
    else:
        yield from so(now == before, f"from {before} to {now}")


@says(
    r"(?P<team>Team \d+): (?P<restated>.+ is now .+\))\.(?: Also restated: {others:count} other teams?\.)?"
)
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    truth = facts.teams[said["team"]]
    own = TeamFacts(truth, facts.json, told=facts.told.get(said["team"]))
    yield from TEAM_SENTENCES.problems(own, f"{said['restated']}.")


@says(r"Month-end forecast: {amount:money} \(80% range {low:money} to {high:money}\)(?:\. .+)?")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    low, middle, high = (amount(said[name]) for name in ("low", "amount", "high"))
    yield from so(low <= middle <= high, "not within its range")


@says(r"Spent so far in .+")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from ()


@says(r"Last 90 days: (?:no alerts|{total:count} alerts? \((?P<parts>[^)]+)\))(?P<rest>.*)")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    if said["total"]:
        parts = sum(int(part.split()[0]) for part in said["parts"].split(", "))
        yield from so(int(said["total"]) == parts, f"the parts add up to {parts}")


@says(
    r"In {accounts:count} accounts {amount:money} a day moved from .+, total unchanged\.|On .+ a day moved from .+, total unchanged\."
)
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from ()


@says(r"Learning: too little is known yet of {number:count} of {teams:count} teams? to say .+")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from so(int(said["teams"]) == len(facts.teams), "another number of teams")


@says(r"Week of {day:day}: {sent:count} sent, {failed:count} failed(?:, \d+ pending)?")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from ()


@says(r"Data is late: .+|and \d+ more")
def _(facts: AdminFacts, said: Match) -> Iterator[str]:
    yield from ()
