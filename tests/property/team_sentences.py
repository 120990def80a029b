"""When the sentences of a team's report are true."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.property.accounts import AccountTruth, shown_as
from tests.property.printed import (
    MONTH_NAMES,
    amount,
    cents,
    day_text,
    is_printed_as,
    money,
    percent_text,
    range_text,
)
from tests.property.sentences import Sentences, so
from tests.property.truth import Pair, change, printed

MIN_INCREASE = Decimal(25)
WEEK_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Match = re.Match[str]


@dataclass(frozen=True)
class TeamFacts:
    """What a team's report is held against: the raw costs, and its own preview JSON."""

    truth: AccountTruth
    json: dict[str, Any]
    name: str = ""
    ended: int = 0
    """Anomalies that have ended, which the email has and the JSON lacks."""
    told: tuple[Decimal, str, date, date] | None = None
    """The total of the report before, when it was told, and the first and last of its days."""

    @property
    def total(self) -> Pair:
        return self.truth.pair()

    @property
    def usage(self) -> Pair:
        return self.truth.pair(category="usage")

    @property
    def change(self) -> Decimal:
        return change(self.total)

    @property
    def anomalies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json["anomalies"]
        return found

    @property
    def is_large_week(self) -> bool:
        """Whether the last 7 days rose by more than the threshold and the minimum."""
        now, before = self.truth.week()
        if now - before < MIN_INCREASE:
            return False
        return before == 0 or (now - before) / abs(before) * 100 > self.truth.threshold


SENTENCES: Sentences[TeamFacts] = Sentences()
says = SENTENCES.says


def bare_percent(pair: Pair) -> str:
    """The percentage without its sign; empty from zero."""
    now, before = printed(pair)
    return "" if before == 0 else percent_text(now, before).lstrip("+−")


def causes(facts: TeamFacts, words: str, moved: Decimal) -> Iterator[str]:
    """Check ``mostly EC2 and new S3`` or ``largest rise EC2 ($412)`` beside a printed change."""
    if single := re.fullmatch(r"largest (rise|fall) (.+) \(([^)]+)\)", words):
        steps = [change(pair) for pair in facts.truth.line_pairs(single[2])]
        right = [step for step in steps if is_printed_as(single[3], abs(step))]
        yield from so(right, f"{single[2]} did not move by {single[3]} but {steps}")
        yield from so(
            any((step > 0) == (single[1] == "rise") for step in right), "the wrong direction"
        )
        return
    names = re.split(r", | and ", words.removeprefix("mostly "))
    choices = [[change(pair) for pair in facts.truth.line_pairs(name)] for name in names]
    yield from so(all(choices), f"no such line: {words}")
    sums = _sums(choices)
    fits = any(abs(moved) < 2 * abs(s) <= 2 * abs(moved) and s * moved > 0 for s in sums)
    yield from so(fits, f"{words} is not most of {moved}: {[str(s) for s in sums]}")


def _sums(choices: Sequence[Sequence[Decimal]]) -> list[Decimal]:
    sums = [Decimal(0)]
    for steps in choices:
        sums = [total + step for total in sums for step in steps]
    return sums


def quiet(facts: TeamFacts) -> Iterator[str]:
    """Nothing unusual: no open anomaly, no large week, no fall and no rise past the threshold."""
    yield from so(not facts.anomalies, f"{len(facts.anomalies)} anomalies are open")
    yield from so(not facts.is_large_week, f"the last 7 days rose: {facts.truth.week()}")
    now, before = facts.total
    if before and abs(now - before) >= MIN_INCREASE:
        percent = abs(now - before) / abs(before) * 100
        yield from so(percent <= facts.truth.threshold, f"the total moved by {percent:.1f}%")
    now, before = facts.usage
    if before > 0 and now - before >= MIN_INCREASE:
        percent = (now - before) / before * 100
        yield from so(percent <= facts.truth.threshold, f"usage rose by {percent:.1f}%")


# Headlines


@says(r"(?:No unusual changes|Learning, .+)")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    if said[0].startswith("No"):
        yield from quiet(facts)


@says(r"New spend of {amount:money}")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from new_spend(facts)
    yield from so(is_printed_as(said["amount"], facts.change), f"it is {facts.change}")


def new_spend(facts: TeamFacts) -> Iterator[str]:
    yield from so(cents(facts.total[1]) == 0, "there was a cost before")
    yield from so(cents(facts.usage[1]) == 0, "there was usage before")
    yield from so(cents(facts.total[0]) > 0, "there is no cost")


@says(r"Costs (?P<verb>up|down) {amount:money}(?:, (?P<cause>(?:mostly|largest) .+))?")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so((facts.change > 0) == (said["verb"] == "up"), "the wrong direction")
    yield from so(is_printed_as(said["amount"], abs(facts.change)), f"it is {facts.change}")
    if said["cause"] and "…" not in said["cause"]:
        yield from causes(facts, said["cause"], facts.change)


@says(
    r"Usage up {amount:money}(?:, (?P<cause>(?:mostly|largest) .+?))?; total costs "
    r"(?P<net>down|unchanged)(?: {fall:money})?"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    rise = change(facts.usage)
    yield from so(is_printed_as(said["amount"], rise), f"usage rose by {rise}")
    yield from so(said["net"] == ("down" if facts.change < 0 else "unchanged"), "the wrong verb")
    if said["fall"]:
        yield from so(is_printed_as(said["fall"], -facts.change), f"it is {facts.change}")
    if said["cause"]:
        yield from causes(facts, said["cause"], rise)


@says(r"Total cost unchanged")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(facts.change == 0, f"it changed by {facts.change}")


@says(r"[Uu]p {amount:money}(?: \({percent:percent}\))? in the last 7 days")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    week = facts.truth.week()
    yield from so(is_printed_as(said["amount"], change(week)), f"it is {change(week)}")
    yield from so((said["percent"] or "") == bare_percent(week), f"it is {bare_percent(week)}")


@says(r"[Nn]o AWS cost data(?: since {day:day})?")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    last = facts.truth.last_day
    yield from so(facts.truth.state == "silent", f"the account is {facts.truth.state}")
    right = day_text(last + timedelta(1)) if last else None
    yield from so(said["day"] == right, f"it is {right}")


@says(r"(?:AWS )?cost data is late, complete through {day:day}")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    last = facts.truth.last_day
    yield from so(facts.truth.state == "left_out", f"the account is {facts.truth.state}")
    yield from so(last and said["day"] == day_text(last), f"it is {last}")


# Subjects, after the team's name


@says(r"{driver:name} {amount:money} over expected(?: since {day:day}|, {days:range})")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    if said["days"]:  # has ended, and is not in the JSON
        return
    whole = said["driver"] == "account"
    found = [
        anomaly
        for anomaly in facts.anomalies
        if anomaly["kind"] != "threshold"
        and (whole or said["driver"] in shown_as(anomaly["service"]))
        and said["day"] == day_text(date.fromisoformat(anomaly["start"]))
        and is_printed_as(said["amount"], excess(anomaly, whole=whole))
    ]
    yield from so(found, f"none of {facts.anomalies}")


def excess(anomaly: dict[str, Any], *, whole: bool = False) -> Decimal:
    """The driver's excess, or the whole account's."""
    account = anomaly.get("account", anomaly)
    return Decimal((account if whole else anomaly)["excess"] or account["excess"])


@says(r"new spend {amount:money}(?: \({names:name}\))?")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from new_spend(facts)
    yield from so(is_printed_as(said["amount"], cents(facts.total[0])), "another amount")
    for name in re.split(r", | and ", said["names"] or ""):
        steps = [change(pair) for pair in facts.truth.line_pairs(name)] if name else [Decimal(1)]
        yield from so(any(step > 0 for step in steps), f"{name} did not rise")


@says(
    r"(?P<what>usage up|up|down) {amount:money}(?: \({percent:percent}\))?"
    r"(?:, (?P<cause>(?:mostly|largest) .+))?"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    pair = facts.usage if said["what"].startswith("usage") else facts.total
    moved = change(pair)
    yield from so((moved < 0) == (said["what"] == "down"), "the wrong direction")
    yield from so(is_printed_as(said["amount"], abs(moved)), f"it is {moved}")
    yield from so((said["percent"] or "") == bare_percent(pair), f"it is {bare_percent(pair)}")
    if said["cause"]:
        yield from causes(facts, said["cause"], moved)


@says(r"{amount:money} for {days:range}, (?P<verdict>no unusual changes|learning, .+)")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    total = cents(facts.total[0])
    yield from so(is_printed_as(said["amount"], total), f"it is {total}")
    yield from so(said["days"] == facts.truth.window.names[0], "other days")
    if said["verdict"].startswith("no"):
        yield from quiet(facts)


# Totals


@says(r"{amount:money}")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(said["amount"] == money(facts.total[0]), f"it is {money(facts.total[0])}")


@says(r"no change")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(facts.change == 0, f"it changed by {facts.change}")


@says(r"(?P<arrow>[▲▼]) {amount:money}(?: \((?P<percent>new spend|[^)]+)\))?")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so((facts.change > 0) == (said["arrow"] == "▲"), "the wrong arrow")
    yield from so(amount(said["amount"]) == facts.change, f"it is {facts.change}")
    yield from percent_is(said["percent"] or "", facts.total, is_new=not cents(facts.usage[1]))


def percent_is(said: str, pair: Pair, *, is_new: bool = True) -> Iterator[str]:
    """Check a percentage of a row or a total; from zero it may be left out where it is not new."""
    right = percent_text(*printed(pair))
    if right == "new spend" and not is_new:
        right = ""
    yield from so(said == right, f"the percentage is {right!r}, not {said!r}")


@says(
    r"(?P<totals>{now:money} vs {before:money})\.(?: {count:count} open (?:anomaly|anomalies)\.)?"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    right = f"{money(facts.total[0])} vs {money(facts.total[1])}"
    yield from so(said["totals"] == right, f"it is {right}")
    yield from so(int(said["count"] or 0) == len(facts.anomalies), "another count")


@says(r"Usage up {percent:percent}, above your {limit:name}% threshold")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from above(facts, said["limit"])
    right = bare_percent(facts.usage)
    yield from so(said["percent"] == right, f"it is {right}")


@says(r"Usage (?:is all new spend, above|up by just over) your {limit:name}% threshold")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from above(facts, said["limit"])
    if "new" in said[0]:
        yield from so(cents(facts.usage[1]) == 0, "there was usage before")


def above(facts: TeamFacts, limit: str) -> Iterator[str]:
    yield from so(Decimal(limit) == facts.truth.threshold, "another threshold")
    now, before = facts.usage
    rose = now - before
    over = rose > 0 if before == 0 else rose / abs(before) * 100 > facts.truth.threshold
    yield from so(over and rose >= MIN_INCREASE, f"usage went from {before} to {now}")


# Why


@says(r"{name:name} accounts? for (?P<share>\d+)% of the (?P<way>increase|decrease)\.")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so((facts.change > 0) == (said["way"] == "increase"), "the wrong direction")
    steps = [change(pair) for pair in facts.truth.line_pairs(said["name"])]
    shares = [_share(step, facts.change) for step in steps]
    yield from so(int(said["share"]) in shares, f"{steps} of {facts.change} is {shares}")


def _share(step: Decimal, moved: Decimal) -> int | None:
    """Whole percent of a printed change; None where it explains nothing of it."""
    if step * moved <= 0 or abs(step) > abs(moved):
        return None
    share = int((step / moved * 100).to_integral_value(ROUND_HALF_UP))
    return min(share, 99) if step != moved else share


@says(r"The largest (?P<way>rise|fall) is {name:name}, {amount:money}\.")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    step = amount(said["amount"])
    steps = [change(pair) for pair in facts.truth.line_pairs(said["name"])]
    yield from so(step in steps, f"{said['name']} moved by {steps}")
    sign = 1 if said["way"] == "rise" else -1
    # A line of several possible amounts (what moved may be with it) is larger if all of them are.
    largest = max(min(sign * other for other in line) for line in facts.truth.steps())
    yield from so(sign * step >= largest and sign * step > 0, f"the largest is {largest}")


@says(
    r"Usage (?P<usage>unchanged|{up:money}); credits, refunds, tax and fees "
    r"(?P<other>no change|{more:money})\."
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    rise = change(facts.usage)
    usage = Decimal(0) if said["usage"] == "unchanged" else amount(said["usage"])
    yield from so(usage == rise, f"usage moved by {rise}")
    yield from so(usage + amount(said["other"]) == facts.change, f"it adds up to {facts.change}")


@says(r"The total hides larger changes: {up:money} up, {down:money} down\.")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    up, down = amount(said["up"]), amount(said["down"])
    lines = facts.truth.steps()
    tolerance = Decimal("0.01") * len(lines)  # it is rounded once, they each
    least = sum(max(min(line), Decimal(0)) for line in lines) - tolerance
    most = sum(max(*line, Decimal(0)) for line in lines) + tolerance
    yield from so(least <= up <= most, f"{least} to {most} up")
    yield from so(up - down == facts.change, f"the change is {facts.change}")
    yield from so(max(up, down) > abs(facts.change), "they are not larger")


@says(r"On {day:day} {amount:money} a day moved from {old:name} to {new:name}, total unchanged\.")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    first = _day(said["day"], facts.truth.through)
    codes = facts.truth.services
    falls = [_step(facts.truth, code, first) for code in codes if said["old"] in shown_as(code)]
    rises = [_step(facts.truth, code, first) for code in codes if said["new"] in shown_as(code)]
    fit = [
        rise
        for rise in rises
        for fall in falls
        if rise >= 20
        and abs(rise + fall) <= rise / 4
        and abs(amount(said["amount"]) - rise) <= rise / 3
    ]
    yield from so(fit, f"{said['old']} moved by {falls} a day, {said['new']} by {rises}")


def _day(text: str, through: date) -> date:
    """The last day that is written so."""
    return next(day for back in range(400) if day_text(day := through - timedelta(back)) == text)


def _step(truth: AccountTruth, code: str, first: date) -> Decimal:
    """How much more a service cost in three days than on the same weekdays before, a day."""
    ledger, account = truth.ledger, truth.account_id
    now = ledger.sum(account, (first, first + timedelta(2)), service=code, category="usage")
    week = (first - timedelta(7), first - timedelta(5))
    return (now - ledger.sum(account, week, service=code, category="usage")) / 3


# Days


@says(r"{days:name} \({before:money}\)")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    window = facts.truth.window
    if window.closed:
        (first, _), (second, _) = window.current, window.previous
        year = "" if first.year == second.year else f" {first.year}"
        right = f"{MONTH_NAMES[first.month - 1]}{year} vs {MONTH_NAMES[second.month - 1]} {second.year}"
    else:
        right = f"{range_text(*window.current, year=True)} vs {range_text(*window.previous, year=True)}"
    yield from so(said["days"] == right, f"it is {right}")
    yield from so(said["before"] == money(facts.total[1]), f"it is {money(facts.total[1])}")


@says(
    r"(?P<days>\d+ complete days? each|\d+ and \d+ days) · data through {through:day} \(UTC\) · "
    r"USD, net amortized(?: · last cost on {last:day})?"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    window = facts.truth.window
    number, before = ((last - first).days + 1 for first, last in (window.current, window.previous))
    right = f"{number} and {before} days" if window.closed else f"{number} complete days each"
    yield from so(said["days"] == right, f"it is {right}")
    yield from so(said["through"] == day_text(facts.truth.own_through), "another last day")
    if said["last"]:
        last = facts.truth.last_day
        yield from so(last and said["last"] == day_text(last), f"the last cost is of {last}")


@says(
    r"(?P<days>Last 7 days|7 days through {last:day}): {now:money} vs {before:money}"
    r"(?: \((?P<percent>[^)]+)\))?"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    week = facts.truth.week()
    late = facts.truth.state == "late"
    yield from so(late == (said["last"] is not None), "not these days")
    if said["last"]:
        yield from so(said["last"] == day_text(facts.truth.own_through), "another last day")
    right = f"{money(week[0])} vs {money(week[1])}"
    yield from so(f"{said['now']} vs {said['before']}" == right, f"it is {right}")
    if change(week) == 0:
        yield from so(said["percent"] == "no change", "it did not change")
    elif cents(week[1]):
        yield from percent_is(said["percent"] or "", week)
    else:  # new spend, unless credits covered usage
        yield from so(said["percent"] in (None, "new spend"), "from zero")


@says(r"Month-end forecast: {amount:money} \(80% range {low:money} to {high:money}\)")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    low, middle, high = (amount(said[name]) for name in ("low", "amount", "high"))
    yield from so(low <= middle <= high, "not within its range")
    truth = facts.truth
    last = truth.own_through
    spent = truth.spent(last)
    credited = sum(
        truth.ledger.sum(truth.account_id, (last.replace(day=1), last), category=kind)
        for kind in ("credit", "adjustment")
    )
    if credited == 0:
        tolerance = Decimal("0.5") if "." not in said["low"] else Decimal(0)
        yield from so(low + tolerance >= cents(spent), f"{spent:.2f} is spent already")


@says(r"Spent so far in (?P<month>[A-Z][a-z]+): {amount:money}\. [^\d]+")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    last = facts.truth.own_through
    yield from so(said["month"] == MONTH_NAMES[last.month - 1], "another month")
    spent = money(facts.truth.spent(last))
    yield from so(said["amount"] == spent, f"it is {spent}")


@says(r"Usage {usage:money}(?P<terms>(?: [+−] (?:credits|refunds|tax|fees|rounding) \S+)+)")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    total = amount(said["usage"])
    usage = cents(facts.usage[0])
    yield from so(total == usage, f"usage is {usage}")
    for sign, word, value in re.findall(r"([+−]) (\w+) (\S+)", said["terms"]):
        term = amount(value) * (1 if sign == "+" else -1)
        total += term
        if word != "rounding":
            right = cents(facts.truth.charge_pair(word)[0])
            yield from so(term == right, f"{word} are {right}")
    yield from so(total == cents(facts.total[0]), f"it adds up to {total}")


# Anomalies


@says(
    r"Needs attention \((?:{open:count} open anomal(?:y|ies))?(?:, )?(?:{ended:count} ended(?: anomal(?:y|ies))?)?\)"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(int(said["open"] or 0) == len(facts.anomalies), "another count")


@says(
    r"(?P<driver>.+?): {amount:money} more than expected"
    r"(?: since (?P<weekday>\w{3}) {day:day}|, {days:range})(?:; {most:name} rose most)?\."
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    if said["days"]:
        return
    whole = said["driver"] == "Whole account"
    found = [
        anomaly
        for anomaly in facts.anomalies
        if (whole or said["driver"] in shown_as(anomaly["service"]))
        and said["day"] == day_text(date.fromisoformat(anomaly["start"]))
        and amount(said["amount"]) == excess(anomaly, whole=whole)
    ]
    yield from so(found, f"none of {facts.anomalies}")
    for anomaly in found[:1]:
        weekday = WEEK_DAYS[date.fromisoformat(anomaly["start"]).weekday()]
        yield from so(said["weekday"] == weekday, f"it was a {weekday}")


@says(r"Usage is {amount:money} above {before:range}; {name:name} grew the most\.")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    rise = change(facts.usage)
    yield from so(amount(said["amount"]) == rise, f"usage rose by {rise}")
    yield from so(said["before"] == facts.truth.window.names[1], "other days")
    steps = [change(pair) for pair in facts.truth.usage_pairs(said["name"])]
    most = max(change(facts.truth.pair(service=s, category="usage")) for s in facts.truth.services)
    yield from so(any(step >= most for step in steps), f"{steps} but another rose by {most}")


@says(
    r"(?:Actual {actual:money}, expected {expected:money}\.)?"
    r"(?: ?Whole account: (?:{excess:money} more than expected)?(?: \(actual )?"
    r"(?:{all:money}, expected {usual:money})?\)?\.)?"
    r"(?: ?By service: {shares:name}\.)?"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(said[0], "nothing is said")
    detected = [anomaly for anomaly in facts.anomalies if anomaly["kind"] != "threshold"]
    if said["shares"]:
        shares = [int(share) for share in re.findall(r"(\d+)%", said["shares"])]
        yield from so(0 < sum(shares) <= 100, f"the shares are {sum(shares)}% together")
    if said["actual"] and detected:
        actual, expected = amount(said["actual"]), amount(said["expected"])
        yield from so(expected >= 0, "less than nothing was expected")
        fits = [a for a in detected if excess(a) == actual - expected]
        if not fits and facts.ended:
            return
        yield from so(fits, f"{actual - expected} is the excess of none of {detected}")
        drivers = [a for a in fits if actual in list(_usage_so_far(facts.truth, a))]
        yield from so(drivers, "no driver had this usage since its first day")


def _usage_so_far(truth: AccountTruth, anomaly: dict[str, Any]) -> Iterator[Decimal]:
    """The driver's usage from the anomaly's first day to each day since."""
    first = date.fromisoformat(anomaly["start"])
    service = None if anomaly["service"] == "All services" else anomaly["service"]
    total = Decimal(0)
    for back in range((truth.through - first).days + 1):
        day = first + timedelta(back)
        total += truth.ledger.sum(truth.account_id, (day, day), service=service, category="usage")
        yield cents(total)


@says(
    r"(?:Open for {days:count} days?(?P<above>, above the threshold)?|Open this month|"
    r"Above the threshold in (?P<month>[A-Z][a-z]+)|Ended after {length:count} days?)\. [^\d]+"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    if said["days"]:
        starts = [date.fromisoformat(anomaly["start"]) for anomaly in facts.anomalies]
        ages = [(facts.truth.through - start).days + 1 for start in starts]
        yield from so(int(said["days"]) in ages, f"they are open for {ages} days")
    if said["above"]:
        yield from above(facts, str(facts.truth.threshold))
    if said["month"]:
        month = f"{date.fromisoformat(facts.json['window']['current']['from']):%B}"
        yield from so(said["month"] == month, f"{month} is compared")


# Notices, and an account without data


@says(r"Data is late: complete through {day:day}, normally {expected:day} by now\. .+")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(said["day"] == day_text(facts.truth.own_through), "another last day")


@says(
    r"{label:range} is now {now:money}; on {day:day} we reported {before:money}"
    r"(?: \({percent:percent}\))?\."
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(facts.told, "there was no report before")
    if facts.told is None:
        return
    told, on, first, last = facts.told
    now = cents(facts.truth.ledger.sum(facts.truth.account_id, (first, last)))
    yield from so(amount(said["now"]) == now, f"it is {now}")
    yield from so(amount(said["before"]) == told, f"it was {told}")
    yield from so(said["day"] == on, f"it was on {on}")
    right = percent_text(now, told) if told else None
    yield from so(said["percent"] == right, f"it is {right}")
    whole = first.day == 1 and (last + timedelta(1)).day == 1
    label = MONTH_NAMES[first.month - 1] if whole else range_text(first, last)
    yield from so(said["label"] == label, f"it is {label}")
    moved = abs(now - told)
    yield from so(moved > 1 and moved / abs(told) * 100 > 1, "too little to be mentioned")


@says(
    r"The last day with costs was (?P<weekday>\w{3}) {day:day}\."
    r"(?: Cost {days:range}: {amount:money}\.)?(?P<rest>[^\d$]*)"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    last = facts.truth.last_day
    assert last is not None
    right = f"{WEEK_DAYS[last.weekday()]} {day_text(last)}"
    yield from so(f"{said['weekday']} {said['day']}" == right, f"it is {right}")
    if said["days"]:
        days = range_text(last.replace(day=1), last)
        yield from so(said["days"] == days, f"it is {days}")
        spent = money(facts.truth.spent(last))
        yield from so(said["amount"] == spent, f"it is {spent}")


@says(r"Learning[,:] .+")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from ()


@says(r"(?:What changed vs {before:range})")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(said["before"] == facts.truth.window.names[1], "other days")


@says(r"Report for .+, created .+")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from ()


@says(
    r"(?:.+ · |You get this email because your address is a contact for team .+, )"
    r"AWS account (?P<account>\d{12})\.?"
)
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(said["account"] == facts.truth.account_id, "another account")


@says(r"To answer the {open:count} open anomal(?:y|ies) .+")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(int(said["open"]) == len(facts.anomalies), "another count")


@says(r"In Teams, write: (?:explain|anomalies|team) (?P<team>Team \d+)")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    yield from so(said["team"] == facts.name, f"this is {facts.name}")


@says(r"[^\d$%]+")
def _(facts: TeamFacts, said: Match) -> Iterator[str]:
    """Check nothing: there is no number in it."""
    yield from ()
